"""Connections of a client that are known to be closed when it is done."""

import asyncio
import socket
from typing import Any

import aiohttp

CLOSED_S = 10.0
LOOK_S = 0.01


class Lines:
    """
    The lines of one client.

    A line by TLS says goodbye and is closed only later: whoever ends the loop
    before that leaves it open.
    """

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []

    def connector(self, **options: Any) -> aiohttp.TCPConnector:
        """Return what a session opens its lines by."""
        return aiohttp.TCPConnector(socket_factory=self.open, **options)

    def open(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make a socket, and remember it."""
        family, kind, protocol, *_ = info
        line = socket.socket(family, kind, protocol)
        self.sockets.append(line)
        return line

    async def closed(self) -> None:
        """Wait until all of them are closed."""
        async with asyncio.timeout(CLOSED_S):
            while True:
                if all(line.fileno() < 0 for line in self.sockets):
                    return
                await asyncio.sleep(LOOK_S)
