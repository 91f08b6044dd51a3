"""One WebSocket, and each namespace that it has joined."""

import asyncio
from typing import Any

from dealcast.core.ids import ShowId
from dealcast.core.wire import Caller
from dealcast.hub.audience import Audience
from dealcast.hub.feed import Follower
from dealcast.hub.lane import Lane
from dealcast.store.log import LogKind

KINDS: dict[str, LogKind] = {"/live": "log", "/me": "own", "/staff": "staff"}


class Session:
    """One namespace of one connection: who is there, in which show."""

    __slots__ = ("audience", "caller", "connection", "follower", "kind", "names", "sid")

    def __init__(
        self,
        connection: "Connection",
        sid: str,
        kind: LogKind,
        *,
        audience: Audience,
        caller: Caller,
        called: str,
    ) -> None:
        self.connection = connection
        self.sid = sid
        self.kind: LogKind = kind
        self.audience = audience
        self.caller = caller
        # What the client may call the show of this session.
        self.names = frozenset((audience.show, called))
        self.follower = Follower(
            connection.lane,
            caller.person,
            counted=watches(caller, audience.show),
        )

    def renew(self, caller: Caller) -> None:
        """Go on as ``caller``, with what the new token says."""
        self.caller = caller
        if self.kind == "log":  # Of one's own log nobody else can be the reader.
            self.follower.person = caller.person
            self.follower.counted = watches(caller, self.show)

    @property
    def show(self) -> ShowId:
        """The show that the session is in."""
        return self.audience.show

    @property
    def who(self) -> str:
        """Whose allowance is spent: the person's, or the connection's."""
        return self.caller.person or self.connection.id


class Connection:
    """One WebSocket."""

    __slots__ = ("connects", "id", "lane", "sessions", "tasks")

    def __init__(self, id: str, lane: Lane) -> None:
        self.id = id
        self.lane = lane
        self.sessions: dict[str, Session] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.connects = 0


def watches(caller: Caller, show: ShowId) -> bool:
    """Tell whether ``caller`` is one of the viewers: staff at work are not."""
    return caller.within(show).role in ("viewer", "shop")
