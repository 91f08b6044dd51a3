"""Saying a line to a show."""

from dataclasses import dataclass

import orjson

from dealcast.core.errors import refusal
from dealcast.core.ids import LineId, ShowId, line_id, partition_of
from dealcast.core.wire import STAFF, Caller
from dealcast.features.chat import rules
from dealcast.store import keys
from dealcast.store.log import record_keys
from dealcast.store.redis import Redis

WAITS = (b"muted", b"slow_mode")  # Refusals that tell how many ms they last.


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Takes what people say, in the order in which it comes."""

    redis: Redis
    lines_per_s_max: int = 20  # Of one show; staff are exempt.

    async def say(
        self, caller: Caller, show: ShowId, text: str, key: str
    ) -> tuple[LineId, int]:
        """
        Say a line; return its id and its number in the log. Saying it again
        under the same key says nothing twice.

        Raises:
            Invalid: If the text may not be shown.
            Muted: If the caller is muted in this show.
            SlowMode: If the caller has said something just now.
            ChatFull: If too much is said in this second.
            WrongState: If the show has ended.
            Conflict: If something else was said under the key.
        """
        told = rules.line(text)
        author = caller.within(show).public()
        line = line_id(show, author.id, key)
        user = {"id": author.id, "name": author.name, "role": author.role}
        data = orjson.dumps({"id": line, "user": user, "text": told})
        staff = int(author.role in STAFF)
        code, *more = await self.redis.call(
            "dc1_chat",
            [*record_keys(show), *chat_keys(show)],
            (line, author.id, staff, data[:-1], self.lines_per_s_max),
        )
        if code != b"ok":
            wait = f"wait {int(more[0])} ms" if code in WAITS else ""
            raise refusal(code.decode(), wait)
        return line, int(more[0])


def chat_keys(show: ShowId) -> list[str]:
    """Return the keys that chat alone uses: pace, line -> n, person -> last said."""
    tag = keys.tag(partition_of(show))
    return [f"{tag}:{name}:{show}" for name in ("pace", "said", "spoke")]
