"""One address with changing servers behind it, as a rented Redis has it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PIECE = 65_536


@dataclass
class Forwarder:
    """Carries what comes to its port to the server that is behind it now."""

    behind: int  # The port of the server.
    port: int = 0
    pairs: list[asyncio.StreamWriter] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def turn(self, behind: int, *, cut: bool) -> None:
        """Lead new connections elsewhere; ``cut`` ends the old ones."""
        self.behind = behind
        if cut:
            self.loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        while self.pairs:
            self.pairs.pop().transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pairs.append(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.behind)
        except OSError:
            writer.transport.abort()
            return
        self.pairs.append(back)
        ways = [pump(reader, back), pump(there, writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, began: threading.Event, over: asyncio.Event) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        began.set()
        await over.wait()
        server.close()
        self._cut()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one way, until either end is closed."""
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()


@contextmanager
def forwarding(behind: int) -> Iterator[Forwarder]:
    """Forward in a thread of its own while the block lasts."""
    made, began, over = Forwarder(behind), threading.Event(), asyncio.Event()

    def run() -> None:
        made.loop.run_until_complete(made._serve(began, over))
        made.loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert began.wait(10)
        yield made
    finally:
        made.loop.call_soon_threadsafe(over.set)
        thread.join(10)
