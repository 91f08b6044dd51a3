"""A phone at hand: TLS by a certificate of our own, at any address of the machine."""

import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.support.certificates import Authority
from tests.support.lines import Lines
from tests.support.purchase import TURNOVER, Purchase
from tests.support.server import Node, running, told_by
from tests.support.shopper import API, SETTINGS, Shop, eventually, visiting

PHONE = "127.0.0.2"  # Another address of this machine.
NAME = "live.shop.example"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Run a node for all that can reach this machine."""
    options = ("--demo", "--workers=2", "--host=0.0.0.0", "--tls=self-signed")
    with running(*options, settings=SETTINGS) as one:
        yield one


def own_file(node: Node) -> Path:
    """Return where the node keeps its own certificate."""
    return node.data / "tls" / "self-signed.pem"


@asynccontextmanager
async def visited(url: str, context: ssl.SSLContext) -> AsyncIterator[Shop]:
    """Visit the shop by TLS."""
    lines = Lines()
    async with visiting(url, lines.connector(ssl=context)) as shop:
        yield shop
    await lines.closed()


def compared(node: Node) -> ssl.SSLContext:
    """Return what a person trusts who has compared the fingerprint, at any address."""
    context = ssl.create_default_context(cafile=own_file(node))
    context.check_hostname = False
    return context


async def test_a_whole_purchase_by_our_own_certificate(node: Node) -> None:
    trusting = ssl.create_default_context(cafile=own_file(node))
    async with visited(node.url, trusting) as shop:
        assert await Purchase(shop).whole() == TURNOVER


async def test_a_phone_buys_by_the_address_that_it_knows(node: Node) -> None:
    """The payment page, and the way back from it, are at the same address."""
    url = f"https://{PHONE}:{node.port}"
    async with visited(url, compared(node)) as shop:
        for path in ("/", "/host", "/moderator"):
            async with shop.http.get(f"{url}{path}") as page:
                assert page.status == 200
                assert "Strict-Transport-Security" not in page.headers
        said = {"Origin": url}
        async with shop.http.get(f"{url}{API}/config", headers=said) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == url
        assert await Purchase(shop).whole() == TURNOVER
        show, deal = await shop.on_sale(1)
        token = shop.token()
        held = await shop.done(
            "POST", f"/deals/{deal}/holds", {"quantity": 1}, token=token, key="one"
        )
        checkout = await shop.check_out(token, held["hold"])
        pay_url = checkout["payment"]["url"]
        assert pay_url.startswith(f"https://{PHONE}:{node.port + 1}/pay/")
        own_page = {"Origin": f"https://{PHONE}:{node.port + 1}"}
        async with shop.http.post(
            pay_url, data={"choice": "pay"}, headers=own_page, allow_redirects=False
        ) as answer:
            assert answer.headers["Location"].startswith(f"{url}/s/{show}")

        async def paid() -> bool:
            path = f"/orders/{checkout['order']}"
            answer = await shop.ask("GET", path, token=token)
            return answer.status == 200 and answer.body["state"] == "paid"

        await eventually(paid)
        await shop.join(show, "/me", token=token, headers=said)


async def test_a_page_elsewhere_stays_foreign(node: Node) -> None:
    url = f"https://{PHONE}:{node.port}"
    async with visited(url, compared(node)) as shop:
        for origin in (f"http://{PHONE}:{node.port}", "https://203.0.113.9:1", "null"):
            said = {"Origin": origin}
            async with shop.http.get(f"{url}{API}/config", headers=said) as answer:
                assert answer.status == 403


def test_the_node_tells_its_addresses_and_its_fingerprint(node: Node) -> None:
    printed = told_by(node)
    for page in ("", "host#code=", "moderator#code="):
        assert f" https://127.0.0.1:{node.port}/{page}" in printed
    leaf = x509.load_pem_x509_certificates(own_file(node).read_bytes())[0]
    shown = leaf.fingerprint(hashes.SHA256()).hex(":").upper()
    assert shown[:47] in printed and shown[48:] in printed
    assert "█" not in printed  # A code is for terminals.
    assert own_file(node).stat().st_mode & 0o777 == 0o600


def test_plain_http_and_old_tls_are_not_spoken(node: Node) -> None:
    context = compared(node)
    assert ssl.get_server_certificate(("127.0.0.1", node.port))
    with socket.create_connection(("127.0.0.1", node.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP")
    with (
        socket.create_connection(("127.0.0.1", node.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        assert line.version() == "TLSv1.3"


def test_commands_beside_the_node_trust_it(node: Node) -> None:
    """They know the folder's own certificate, and look at it."""
    crowd = node.dealcast("crowd", "--viewers=3", "--seconds=1", "--chat=2")
    assert crowd.returncode == 0, crowd.stderr
    link = node.dealcast("token", "--link", "--role=host")
    assert link.stdout.startswith("https://"), link
    kept = own_file(node).read_bytes()
    own_file(node).rename(own_file(node).with_suffix(".away"))
    try:
        stranger = node.dealcast("crowd", "--viewers=1", "--seconds=1")
    finally:
        own_file(node).with_suffix(".away").rename(own_file(node))
    assert stranger.returncode == 2, stranger.stdout
    assert "certificate" in stranger.stderr.lower()
    assert own_file(node).read_bytes() == kept


def test_the_node_agrees_with_itself(node: Node) -> None:
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout
    assert node.faults() == []


async def test_a_certificate_that_was_given_is_renewed_in_place(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue(NAME, "127.0.0.1")
    options = (f"--tls-cert={issued.certificate}", f"--tls-key={issued.key}")
    settings = {**SETTINGS, "DEALCAST__HTTP__PUBLIC_URL": f"https://{NAME}"}
    with running("--workers=2", *options, settings=settings) as node:
        assert f"viewer     https://{NAME}/" in told_by(node)
        async with visited(node.url, authority.trusted()) as shop:
            async with shop.http.get(f"{node.url}/") as page:
                assert "max-age=" in page.headers["Strict-Transport-Security"]
            assert await shown(node) == issued.certificate.read_text()
            before = await shop.on_sale(3)
            authority.issue(NAME, "127.0.0.1", into=issued, rsa_=True)
            assert await shown(node) == issued.certificate.read_text()
            await shop.join(before[0])
            assert await Purchase(shop).whole() == TURNOVER
        assert node.faults() == []


async def shown(node: Node) -> str:
    """Return the certificate that all of several new connections are shown."""
    seen = {ssl.get_server_certificate(("127.0.0.1", node.port)) for _ in range(8)}
    assert len(seen) == 1
    return seen.pop()
