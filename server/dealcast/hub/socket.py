"""
Socket.IO, by python-socketio: its handshake, heartbeat and packets; our lanes.

The library keeps a task, a queue and a scan over all clients for each thing it
sends, so everything that we send goes through the connection's lane instead,
and clients are in no room of the library. Only the engine's OPEN, PING and
PONG go its own way. This is the one module of the server that imports it.
"""

import asyncio
import socket
from typing import Any

import orjson
import socketio
import structlog
from aiohttp import WSMsgType, web
from engineio.async_drivers import aiohttp as driver
from socketio import packet

from dealcast.core.clock import Clock
from dealcast.core.rates import Bucket
from dealcast.hub import frames
from dealcast.hub.hub import Hub
from dealcast.hub.session import Connection

MESSAGE_MAX = 16_384
SEND_BUFFER = 65_536  # The kernel's; without it a stalled viewer hides megabytes.
PING_S, PONG_S = 25, 20
BURST, PER_MS = 60.0, 0.03  # Messages, of up to 1 KiB each.
KINDS = ("1", "3", "4")  # Engine.IO: CLOSE, PONG, MESSAGE.

log = structlog.get_logger(__name__)


class Json:
    """The json module that the library wants, on orjson."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Write ``value``; the library's separators are orjson's anyway."""
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        """Read JSON text."""
        return orjson.loads(text)


class Socket(driver.WebSocket):
    """One WebSocket: uncompressed, with a lane, and not read faster than allowed."""

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """Carry the connection for as long as it lasts."""
        request: web.Request = environ["aiohttp.request"]
        self._sock = web.WebSocketResponse(max_msg_size=MESSAGE_MAX, compress=False)
        await self._sock.prepare(request)
        transport = request.transport
        if transport is None:  # It went away meanwhile.
            return self._sock
        kernel = transport.get_extra_info("socket")
        if kernel is not None:
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        server: Server = self.server.owner
        self._clock = server.clock
        self._bucket = Bucket(BURST, PER_MS, self._clock.now())
        connection = server.hub.opened(self.handler.__self__.sid, transport)
        try:
            await self.handler(self)
        finally:
            server.hub.closed(connection)
        return self._sock

    async def wait(self) -> str:
        """
        Return the next message, once the connection may send one.

        Raises:
            OSError: If there is none, or not one that clients may send.
        """
        message = await self._sock.receive()
        if message.type is not WSMsgType.TEXT or message.data[:1] not in KINDS:
            raise OSError("not a message")
        cost = 1 + len(message.data) / 1024
        wait_ms = self._bucket.owe(cost, self._clock.now())
        if wait_ms:  # Meanwhile nothing is read, and the sender has to wait too.
            await asyncio.sleep(wait_ms / 1000)
        return str(message.data)


class Server(socketio.AsyncServer):
    """The library's server, which asks the hub instead of its own tables."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        super().__init__(
            async_mode="aiohttp",
            json=Json,
            transports=["websocket"],
            cors_allowed_origins=[],  # `web` has looked at the Origin before.
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            max_http_buffer_size=MESSAGE_MAX,
            http_compression=False,
            monitor_clients=False,  # The read loop ends silent connections itself.
        )
        self.hub = hub
        self.clock = clock
        self.eio.owner = self
        # The table is the module's own: change a copy.
        self.eio._async = {**self.eio._async, "websocket": Socket}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for the socket's path."""
        if request.query.get("transport") != "websocket" or "sid" in request.query:
            text = 'This server speaks WebSocket only: set transports to ["websocket"].'
            return web.Response(status=400, text=text)
        full = len(self.hub.connections) >= self.hub.limits.connections_max
        if full or self.hub.draining:
            return web.Response(status=503, headers={"Retry-After": "5"})
        answer: web.StreamResponse = await self.eio.handle_request(request)
        return answer

    # What the engine tells.

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        """Take the connection; who it is will be said with CONNECT."""

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        connection = self.hub.connections.get(eio_sid)
        if connection is not None:
            self.hub.closed(connection)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        connection = self.hub.connections.get(eio_sid)
        if connection is None:
            return
        try:
            read = self.packet_class(encoded_packet=data)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            self._cut(connection)
            return
        await self._take(connection, read)

    async def _take(self, connection: Connection, read: packet.Packet) -> None:
        namespace = read.namespace or "/"
        if read.packet_type == packet.CONNECT:
            await self.hub.connect(connection, namespace, read.data)
        elif read.packet_type == packet.DISCONNECT:
            self.hub.left(connection, namespace)
        elif read.packet_type == packet.EVENT and isinstance(read.data, list):
            self.hub.ask(connection, namespace, read.id, read.data)
        elif read.packet_type != packet.ACK:  # We ask for none; let it pass.
            self._cut(connection)

    def _cut(self, connection: Connection) -> None:
        """End a connection that does not speak the protocol."""
        self.hub.metrics.cuts.labels(why="malformed").inc()
        connection.lane.end(frames.POLICY)

    async def _send_packet(self, eio_sid: str, pkt: packet.Packet) -> None:
        """Send what the library itself may still want to send, by the lane."""
        connection = self.hub.connections.get(eio_sid)
        encoded = pkt.encode()
        assert isinstance(encoded, str), "no binary packets on a lane"
        if connection is not None:
            connection.lane.write(frames.text(b"4" + encoded.encode()))
