"""An act lets in whom its roles name, and takes what its request says."""

from typing import Annotated, Any

import pytest
from msgspec import Meta

from dealcast.core.errors import Forbidden, Invalid, TokenMissing
from dealcast.core.ids import PersonId, ShowId
from dealcast.core.wire import ANYBODY, STAFF, Act, Caller, Done, Request


class Ask(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    quantity: Annotated[int, Meta(ge=1, le=9)]


async def answer(caller: Caller, ask: Ask) -> Done:
    return Done()


ACT = Act(name="ask", request=Ask, answer=Done, handler=answer, roles=STAFF)


def caller(role: Any, show: str = "*") -> Caller:
    return Caller(
        person=PersonId("u_1"),
        subject="1",
        name="A",
        role=role,
        show=show,
        expires_at=1,
    )


def test_roles_are_checked() -> None:
    ACT.check(caller("moderator"))
    with pytest.raises(Forbidden):
        ACT.check(caller("viewer"))
    with pytest.raises(TokenMissing):
        ACT.check(ANYBODY)


@pytest.mark.parametrize("quantity", [0, -1, 10, 1.0, 1.5, "1", True, None, [1], 2**70])
def test_a_quantity_is_a_small_counting_number(quantity: Any) -> None:
    with pytest.raises(Invalid):
        ACT.parse({"quantity": quantity})


def test_unknown_and_missing_fields_are_refused() -> None:
    with pytest.raises(Invalid, match="color"):
        ACT.parse({"quantity": 1, "color": "red"})
    with pytest.raises(Invalid, match="quantity"):
        ACT.parse({})
    assert ACT.parse({"quantity": 2}) == Ask(quantity=2)


def test_a_role_holds_in_its_show() -> None:
    assert caller("host", "s01_a").may_in(ShowId("s01_a"))
    assert not caller("host", "s01_a").may_in(ShowId("s02_b"))
    assert caller("host").may_in(ShowId("s02_b"))
