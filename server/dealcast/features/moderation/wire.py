"""What moderators may ask."""

from typing import Annotated, Any

from msgspec import Meta

from dealcast.core.ids import (
    LINE_PATTERN,
    PERSON_PATTERN,
    SHOW_PATTERN,
    LineId,
    PersonId,
    ShowId,
)
from dealcast.core.wire import STAFF, Act, Answer, Caller, Done, Request
from dealcast.features.moderation import rules
from dealcast.features.moderation.service import Moderation

ShowName = Annotated[str, Meta(pattern=SHOW_PATTERN)]
LineName = Annotated[str, Meta(pattern=LINE_PATTERN)]
Reason = Annotated[str, Meta(max_length=rules.REASON_MAX)] | None


class LinesDelete(Request, frozen=True, kw_only=True):
    """Delete lines of chat, for everybody and for good."""

    show: ShowName
    lines: Annotated[list[LineName], Meta(min_length=1, max_length=rules.LINES_MAX)]
    reason: Reason = None


class Mute(Request, frozen=True, kw_only=True):
    """Mute a person in the show; 0 seconds end it."""

    show: ShowName
    person: Annotated[str, Meta(pattern=PERSON_PATTERN)]
    seconds: Annotated[int, Meta(ge=0, le=rules.MUTE_S_MAX)]
    reason: Reason = None
    delete_lines: bool = False  # The last lines of the person, too.


class MutedUntil(Answer, frozen=True, kw_only=True):
    """Until when the person is muted."""

    until_at: int


class SlowModeAsk(Request, frozen=True, kw_only=True):
    """Let everybody but staff wait between two lines; 0 seconds end it."""

    show: ShowName
    seconds: Annotated[int, Meta(ge=0, le=rules.SLOW_S_MAX)]


def acts(moderation: Moderation) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def lines_delete(caller: Caller, ask: LinesDelete) -> Done:
        lines = [LineId(line) for line in ask.lines]
        await moderation.delete_lines(caller, ShowId(ask.show), lines, ask.reason)
        return Done()

    async def mute(caller: Caller, ask: Mute) -> MutedUntil:
        until_at = await moderation.mute(
            caller,
            ShowId(ask.show),
            PersonId(ask.person),
            seconds=ask.seconds,
            reason=ask.reason,
            delete_lines=ask.delete_lines,
        )
        return MutedUntil(until_at=until_at)

    async def slow_mode(caller: Caller, ask: SlowModeAsk) -> Done:
        await moderation.slow_mode(caller, ShowId(ask.show), seconds=ask.seconds)
        return Done()

    return [
        Act(
            name="lines_delete",
            request=LinesDelete,
            answer=Done,
            handler=lines_delete,
            roles=STAFF,
            http="POST /shows/{show}/lines/delete",
            socket="/staff",
        ),
        Act(
            name="mute",
            request=Mute,
            answer=MutedUntil,
            handler=mute,
            roles=STAFF,
            http="POST /shows/{show}/mutes",
            socket="/staff",
        ),
        Act(
            name="slow_mode",
            request=SlowModeAsk,
            answer=Done,
            handler=slow_mode,
            roles=STAFF,
            http="POST /shows/{show}/slow-mode",
            socket="/staff",
        ),
    ]
