"""``dealcast serve``: check what was given, start the node, tell its addresses."""

import asyncio
import os
import resource
import sys
from contextlib import suppress

import uvloop

from dealcast.app import secrets, tls
from dealcast.app.addresses import bases, code, for_others, local_addresses
from dealcast.app.books import books
from dealcast.app.folder import Claim, Say, check_port, claim_folder, note
from dealcast.app.supervisor import Supervisor
from dealcast.app.tls import Door
from dealcast.config import Settings, Unusable
from dealcast.core.clock import SystemClock
from dealcast.core.errors import Refused, Unavailable
from dealcast.core.events import Role
from dealcast.shop.people.service import People
from dealcast.shop.people.tokens import Tokens
from dealcast.store.redis import Redis
from dealcast.store.server import ServerUnusable, check_info

STAFF_LINKS: dict[Role, str] = {"host": "host", "moderator": "moderator"}
CERTIFICATE_S = 60.0  # Between two looks whether our own has to be made anew.


def run(settings: Settings) -> int:
    """
    Run a node until it is told to stop.

    Raises:
        Unusable: If something that was given cannot be used.
    """
    os.umask(0o077)  # Books, secrets and journals are nobody else's to read.
    claim = claim_folder(settings.folder, say)
    try:
        check_port(settings.http.host, settings.http.port)
        if settings.payments.provider == "sandbox":
            check_port(settings.http.host, settings.http.port + 1)
        secrets.of(settings)
        if settings.http.tls:
            tls.keep_own(settings)
        door = tls.door_of(settings)
        raise_file_limit()
        return uvloop.run(serve(settings, claim, door))
    except ServerUnusable as error:
        raise Unusable(str(error)) from None
    finally:
        claim.release()


def say(line: str) -> None:
    """Tell the operator something; whoever listened may have gone."""
    with suppress(OSError):
        print(line, flush=True)


async def serve(settings: Settings, claim: Claim, door: Door | None) -> int:
    """Check the stores that were given, then run the supervisor."""
    await check_stores(settings)

    async def told() -> list[str]:
        certificate = tls.describe(door) if door else []
        return [*await addresses(settings), *certificate, "Ctrl-C stops."]

    keeper = asyncio.create_task(keep_certificate(settings, door, say))
    try:
        return await Supervisor(settings, say, claim, tls.trust_of(door)).run(told)
    finally:
        keeper.cancel()


async def keep_certificate(settings: Settings, door: Door | None, say: Say) -> None:
    """Make our own certificate anew when it ends or the machine's addresses change."""
    while settings.http.tls and door:
        await asyncio.sleep(CERTIFICATE_S)
        try:
            made = await asyncio.to_thread(tls.keep_own, settings)
        except Unusable as error:
            say(str(error))
            continue
        if made:
            door.look()
            known = bases(settings, local_addresses())
            lines = ["The certificate was made anew.", *tls.describe(door)]
            for line in [*lines, *(f"  viewer     {base}/" for base in known)]:
                say(line)


async def check_stores(settings: Settings) -> None:
    """
    Make sure that a given Redis is new enough, and bring the books up to date.

    Raises:
        Unusable: If one of them does not answer, or a newer product wrote the books.
        ServerUnusable: If Redis is too old.
    """
    if settings.redis.url is not None:
        try:
            redis = await Redis.connect(settings.redis.url)
        except (Unavailable, ValueError) as error:
            raise Unusable(f"redis.url: {error}") from None
        try:
            for info in await redis.servers():
                check_info(info)
        finally:
            await redis.aclose()
    async with books(settings):
        pass  # Opening them has brought them up to date.


async def addresses(settings: Settings) -> list[str]:
    """Return the addresses of the pages, with codes for staff in a demo."""
    known = bases(settings, local_addresses())
    note(settings, "pages.url", known[0])
    lines = ["", f"{settings.shop_name} is open."]
    for base in known:
        lines.append(f"  viewer     {base}/")
        codes = await staff_codes(settings) if settings.demo else {}
        for role, page in STAFF_LINKS.items():
            lines.append(f"  {role:<10} {base}/{page}{codes.get(role, '')}")
    if settings.demo:
        lines.append("Staff links work once; `dealcast token --link` makes more.")
    else:
        lines.append("Staff sign in by links that work once; one for a host:")
        lines.append(f"  dealcast token --link --role host --data {settings.data}")
    if sys.stdout.isatty() and for_others(known[0]):
        lines += code(f"{known[0]}/")
    return lines


async def staff_codes(settings: Settings) -> dict[Role, str]:
    """
    Make a one-time code for each desk, as its link carries it.

    None if the books do not answer just now: the node goes on, and links can be
    made later.
    """
    try:
        async with books(settings) as database:
            people = People(
                tokens=Tokens(secrets.of(settings).encode()),
                database=database,
                clock=SystemClock(),
            )
            codes = {role: await people.make_code(role, "*") for role in STAFF_LINKS}
    except (Refused, Unusable):
        return {}
    return {role: f"#code={code}" for role, code in codes.items()}


def raise_file_limit() -> None:
    """Allow as many open files as the system does: one connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
