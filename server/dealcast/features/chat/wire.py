"""What clients may ask of chat."""

from typing import Annotated, Any

from msgspec import Meta

from dealcast.core.ids import KEY_PATTERN, LineId, ShowId
from dealcast.core.wire import ANY, Act, Answer, Caller, Request
from dealcast.features.chat import rules
from dealcast.features.chat.service import Chat


class Say(Request, frozen=True, kw_only=True):
    """Say a line of chat in the show of this connection."""

    show: ShowId
    text: Annotated[str, Meta(min_length=1, max_length=rules.BYTES_MAX)]
    key: Annotated[str, Meta(pattern=KEY_PATTERN)]


class Said(Answer, frozen=True, kw_only=True):
    """The line's id, and its number in the log."""

    id: LineId
    n: int


def acts(chat: Chat) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def say(caller: Caller, ask: Say) -> Said:
        line, n = await chat.say(caller, ask.show, ask.text, ask.key)
        return Said(id=line, n=n)

    return [
        Act(
            name="chat",
            request=Say,
            answer=Said,
            handler=say,
            roles=ANY,
            socket="/live",
            per_minute=rules.PER_MINUTE,
        )
    ]
