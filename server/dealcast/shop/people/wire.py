"""What clients may ask about themselves."""

from typing import Annotated, Any

from msgspec import Meta

from dealcast.core.events import Role
from dealcast.core.ids import PersonId
from dealcast.core.wire import ANY, Act, Answer, Caller, Request
from dealcast.shop.people.service import People


class DemoAccount(Request, frozen=True, kw_only=True):
    """Become a viewer of the demo."""

    name: Annotated[str, Meta(max_length=200)] = ""


class StaffSignIn(Request, frozen=True, kw_only=True):
    """Exchange the code of a staff link for a token, once."""

    code: Annotated[str, Meta(min_length=1, max_length=100)]


class TokenRenew(Request, frozen=True, kw_only=True):
    """Exchange a token of this installation for one that lives longer."""


class Account(Answer, frozen=True, kw_only=True):
    """A token, and who it makes one."""

    token: str
    person: PersonId


class StaffToken(Answer, frozen=True, kw_only=True):
    """A token of staff."""

    token: str
    role: Role
    show: str


class Renewed(Answer, frozen=True, kw_only=True):
    """The new token."""

    token: str
    expires_in_s: int


def acts(people: People) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def demo_account(caller: Caller, ask: DemoAccount) -> Account:
        token, person = await people.demo_account(ask.name)
        return Account(token=token, person=person)

    async def staff_sign_in(caller: Caller, ask: StaffSignIn) -> StaffToken:
        token, role, show = await people.use_code(ask.code)
        return StaffToken(token=token, role=role, show=show)

    async def token_renew(caller: Caller, ask: TokenRenew) -> Renewed:
        return Renewed(token=people.renew(caller), expires_in_s=people.token_s)

    return [
        Act(
            name="demo_account",
            request=DemoAccount,
            answer=Account,
            handler=demo_account,
            roles=(),
            http="POST /demo/accounts",
            status=201,
            per_minute=6_000,  # A crowd comes from one address.
        ),
        Act(
            name="staff_sign_in",
            request=StaffSignIn,
            answer=StaffToken,
            handler=staff_sign_in,
            roles=(),
            http="POST /staff/sign-in",
            per_minute=20,
            guessable=True,
        ),
        Act(
            name="token_renew",
            request=TokenRenew,
            answer=Renewed,
            handler=token_renew,
            roles=ANY,
            http="POST /tokens/renew",
        ),
    ]
