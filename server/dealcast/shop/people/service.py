"""Who asks: callers by token, demo accounts, one-time staff codes."""

import secrets
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.errors import Forbidden, NotFound, TokenInvalid
from dealcast.core.events import Role
from dealcast.core.ids import PersonId, person_id
from dealcast.core.wire import Caller
from dealcast.shop.people.rules import caller_of, clean_name
from dealcast.shop.people.tokens import ISSUER, Tokens
from dealcast.store import tables
from dealcast.store.sql import Database

CODE_S = 86_400


@dataclass(frozen=True, kw_only=True)
class People:
    """Knows people by their tokens."""

    tokens: Tokens
    database: Database
    clock: Clock
    token_s: int = 3600
    demo: bool = False

    async def caller(self, token: str) -> Caller:
        """
        Return who asks with ``token``.

        Raises:
            TokenInvalid: If it is not a good token for this server.
            TokenExpired: If it was one.
        """
        claims = await self.tokens.claims(token)
        person = self.person(claims.sub)
        return caller_of(claims, person, renewable=claims.iss == ISSUER)

    def person(self, subject: str) -> PersonId:
        """Return the public name of the shop's ``subject``."""
        return person_id(subject, self.tokens.secret)

    def issue(
        self, subject: str, name: str, role: Role, show: str, ttl_s: int | None = None
    ) -> str:
        """Return a token of this installation for ``subject``."""
        now_s = self.clock.now() // 1000
        return self.tokens.sign(
            {
                "sub": subject,
                "name": name,
                "role": role,
                "show": show,
                "iat": now_s,
                "exp": now_s + (ttl_s or self.token_s),
            }
        )

    def renew(self, caller: Caller) -> str:
        """
        Return a token that lives longer, for somebody whose token is ours.

        Raises:
            Forbidden: If the shop issued the token; then the shop renews it.
        """
        if not caller.renewable:
            raise Forbidden("the shop that issued this token renews it")
        return self.issue(caller.subject, caller.name, caller.role, caller.show)

    async def demo_account(self, name: str) -> tuple[str, PersonId]:
        """
        Make a viewer for the demo.

        Raises:
            NotFound: If this is no demo.
        """
        if not self.demo:
            raise NotFound("there are no demo accounts here")
        subject = f"demo:{secrets.token_hex(10)}"
        person = self.person(subject)
        shown = clean_name(name) or f"Guest {person[2:6]}"
        async with self.database.begin() as connection:
            await remember(connection, person, subject, shown, self.clock.now())
        return self.issue(subject, shown, "viewer", "*"), person

    async def make_code(self, role: Role, show: str, *, ttl_s: int = CODE_S) -> str:
        """Return a code that signs one browser in as ``role`` of ``show``, once."""
        code = secrets.token_urlsafe(24)
        async with self.database.begin() as connection:
            await connection.execute(
                insert(tables.code).values(
                    digest=code_digest(code),
                    role=role,
                    show=show,
                    expires_at=self.clock.now() + ttl_s * 1000,
                )
            )
        return code

    async def use_code(self, code: str) -> tuple[str, Role, str]:
        """
        Exchange a one-time code for a token, its role and its show.

        Raises:
            TokenInvalid: If the code is unknown, too old or was used.
        """
        now, digest, table = self.clock.now(), code_digest(code), tables.code
        async with self.database.begin() as connection:
            used = await connection.execute(
                update(table)
                .where(table.c.digest == digest)
                .where(table.c.used_at.is_(None), table.c.expires_at > now)
                .values(used_at=now)
            )
            if used.rowcount != 1:
                raise TokenInvalid("this staff link was used already or is too old")
            row = (
                await connection.execute(select(table).where(table.c.digest == digest))
            ).one()
        role: Role = row.role
        name = role.capitalize()
        return self.issue(f"staff:{digest[:16]}", name, role, row.show), role, row.show


def code_digest(code: str) -> str:
    """Return what is kept of a one-time code."""
    return sha256(code.encode()).hexdigest()


async def remember(
    connection: AsyncConnection, person: PersonId, subject: str, name: str, now: int
) -> None:
    """Keep who ``person`` is, so that the shop can find its customer again."""
    table = tables.person
    known = await connection.execute(
        update(table).where(table.c.id == person).values(name=name, seen_at=now)
    )
    if known.rowcount:
        return
    try:
        async with connection.begin_nested():
            await connection.execute(
                insert(table).values(id=person, subject=subject, name=name, seen_at=now)
            )
    except IntegrityError:
        pass  # Another request of the same person was first.
