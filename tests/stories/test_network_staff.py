"""Staff sign in by a link with a code that works once, in a shop without a demo."""

import re
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from tests.support.lines import Lines
from tests.support.server import Node, running, told_by
from tests.support.shopper import Shop, visiting

DAY_MS = 86_400_000
BURST_MAX = 12


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Run a fresh shop that is no demo, and has no tokens but its own."""
    with running("--workers=1") as one:
        yield one


def link(node: Node, role: str, show: str = "*") -> tuple[str, str]:
    """Make a link as the operator does; return its page and its code."""
    made = node.dealcast("token", "--link", f"--role={role}", f"--show={show}")
    assert made.returncode == 0, made
    assert re.fullmatch(
        r"It works once, until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.\n", made.stderr
    )
    parts = urlsplit(made.stdout.strip())
    assert f"{parts.scheme}://{parts.netloc}" == node.url
    assert parts.fragment.startswith("code=") and not parts.query
    return parts.path, parts.fragment.removeprefix("code=")


async def redeem(shop: Shop, code: str) -> str:
    """Try a code; return the role, or why not."""
    answer = await shop.ask("POST", "/staff/sign-in", {"code": code})
    return str(answer.body["role"]) if answer.status == 200 else answer.code()


async def test_a_link_lets_one_browser_in(node: Node) -> None:
    printed = told_by(node)
    assert f"dealcast token --link --role host --data {node.data}" in printed
    assert "#code=" not in printed
    page, code = link(node, "host")
    assert page == "/host"
    async with visiting(node.url) as hers, visiting(node.url) as theirs:
        async with hers.http.get(f"{node.url}{page}") as answer:
            assert answer.status == 200
        body = {"code": code}
        told = await hers.done("POST", "/staff/sign-in", body)
        assert (told["role"], told["show"]) == ("host", "*")
        assert await redeem(theirs, code) == "token_invalid"
        assert await redeem(hers, code) == "token_invalid"
        # She goes on selling by the token that she got, and renews it.
        hers.host = told["token"]
        show = await hers.new_show()
        renewed = await hers.done("POST", "/tokens/renew", token=told["token"])
        await hers.join(show, "/staff", token=renewed["token"])

        page, code = link(node, "moderator", show)
        told = await theirs.done("POST", "/staff/sign-in", {"code": code})
        assert (page, told["role"], told["show"]) == ("/moderator", "moderator", show)
        other = await hers.new_show()
        assert await theirs.kept_out(other, "/staff", token=told["token"])
        await theirs.join(show, "/staff", token=told["token"])


async def test_codes_are_kept_as_digests_and_end(node: Node) -> None:
    _, code = link(node, "host")
    file = node.data / "books.sqlite3"
    digest = sha256(code.encode()).hexdigest()
    with sqlite3.connect(file) as books:
        found = books.execute("SELECT * FROM code WHERE digest = ?", [digest])
        assert code not in str(found.fetchone())
        books.execute(
            "UPDATE code SET expires_at = expires_at - ? WHERE digest = ?",
            [DAY_MS, digest],
        )
    books.close()
    async with visiting(node.url) as shop:
        assert await redeem(shop, code) == "token_invalid"


async def test_guesses_are_counted_by_address(node: Node) -> None:
    """Whatever account they come with; another address has its own."""
    _, code = link(node, "host")
    guesser, lines = Lines(), Lines()
    way = guesser.connector(local_addr=("127.0.0.3", 0))
    async with visiting(node.url, way) as shop:
        for number in range(BURST_MAX):
            token = node.token("viewer") if number == 0 else None
            answer = await shop.ask(
                "POST", "/staff/sign-in", {"code": f"guess-{number}"}, token=token
            )
            if answer.code() == "rate_limited":
                break
        assert answer.status == 429
        assert await redeem(shop, code) == "rate_limited"
    async with visiting(node.url, lines.connector(local_addr=("127.0.0.4", 0))) as shop:
        assert await redeem(shop, code) == "host"
    await guesser.closed()
    await lines.closed()


@pytest.mark.parametrize("role", ["viewer", "shop", "assistant"])
def test_only_desks_have_links(node: Node, role: str) -> None:
    made = node.dealcast("token", "--link", f"--role={role}")
    assert (made.returncode, made.stdout) == (2, "")
    assert "--link" in made.stderr and made.stderr.count("\n") == 1
