"""What clients may ask about shows."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from msgspec import Meta

from dealcast.core.events import ShowView, Text
from dealcast.core.ids import SHOW_PATTERN
from dealcast.core.money import Currency
from dealcast.core.wire import SELLING, Act, Answer, Caller, Request
from dealcast.shop.catalog.rules import text
from dealcast.shop.people.rules import clean_name
from dealcast.shop.shows.service import Shows

ShowName = Annotated[str, Meta(pattern=SHOW_PATTERN)]
Instant = Annotated[int, Meta(ge=0, lt=2**53)]


class ShowCreate(Request, frozen=True, kw_only=True):
    """Plan a show."""

    title: str | Text
    currency: Currency
    slug: ShowName | None = None
    host: Annotated[str, Meta(max_length=80)] = ""  # Default: the caller's name.
    starts_at: Instant | None = None


class ShowList(Request, frozen=True, kw_only=True):
    """List the newest shows."""


class ShowAsk(Request, frozen=True, kw_only=True):
    """Name a show by id or slug."""

    show: ShowName


class ShowPage(Answer, frozen=True, kw_only=True):
    """Shows, newest first."""

    shows: list[ShowView]


def acts(shows: Shows) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def show_create(caller: Caller, ask: ShowCreate) -> ShowView:
        return await shows.create(
            caller,
            title=text(ask.title),
            currency=ask.currency,
            slug=ask.slug,
            host=clean_name(ask.host) or caller.name,
            starts_at=ask.starts_at,
        )

    async def show_list(caller: Caller, ask: ShowList) -> ShowPage:
        return ShowPage(shows=await shows.recent())

    async def show_get(caller: Caller, ask: ShowAsk) -> ShowView:
        return await shows.get(ask.show)

    return [
        Act(
            name="show_create",
            request=ShowCreate,
            answer=ShowView,
            handler=show_create,
            roles=SELLING,
            http="POST /shows",
            socket="/staff",
            status=201,
        ),
        Act(
            name="show_list",
            request=ShowList,
            answer=ShowPage,
            handler=show_list,
            roles=(),
            http="GET /shows",
        ),
        Act(
            name="show_get",
            request=ShowAsk,
            answer=ShowView,
            handler=show_get,
            roles=(),
            http="GET /shows/{show}",
        ),
        _turning("start", shows.start),
        _turning("end", shows.end),
    ]


def _turning(
    step: str, turn: Callable[[Caller, str], Awaitable[ShowView]]
) -> Act[ShowAsk]:
    async def turned(caller: Caller, ask: ShowAsk) -> ShowView:
        return await turn(caller, ask.show)

    return Act(
        name=f"show_{step}",
        request=ShowAsk,
        answer=ShowView,
        handler=turned,
        roles=SELLING,
        http=f"POST /shows/{{show}}/{step}",
        socket="/staff",
    )
