"""A real proxy in front of a node, by the example file that the product ships."""

import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp.abc import AbstractResolver, ResolveResult

from tests.support.certificates import Authority, Issued
from tests.support.lines import Lines
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.server import Node, running
from tests.support.shopper import SETTINGS, Shop, visiting

EXAMPLES = Path(__file__).parents[2] / "server" / "deploy"
NAME = "live.shop.example"
LOCAL = "localhost"  # By which the provider finds the proxy for its webhooks.
SHOP_PAGE = "https://www.shop.example"
START_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Front:
    """A proxy, the node behind it, and what a client needs to reach both."""

    kind: str
    node: Node
    port: int
    plain_port: int
    authority: Authority

    @property
    def url(self) -> str:
        """The public address."""
        return f"https://{NAME}:{self.port}"

    @asynccontextmanager
    async def visited(self, source: str) -> AsyncIterator[Shop]:
        """Come to the shop from the address ``source`` of this machine."""
        lines = Lines()
        way = lines.connector(
            resolver=Loopback(),
            ssl=self.authority.trusted(),
            local_addr=(source, 0),
        )
        async with visiting(self.url, way) as shop:
            yield shop
        await lines.closed()

    def dial(self) -> ssl.SSLSocket:
        """Open a bare connection to the proxy."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return self.authority.trusted().wrap_socket(plain, server_hostname=NAME)

    def upstreams(self) -> set[int]:
        """Return the ports from which the proxy is connected to the node's worker."""
        table = Path("/proc/net/tcp").read_text().splitlines()[1:]
        rows = [line.split() for line in table]
        theirs = f":{self.node.port:04X}"
        return {
            int(local.rpartition(":")[2], 16)
            for _, local, remote, state, *_ in rows
            if state == "01" and remote.endswith(theirs)
        }


class Loopback(AbstractResolver):
    """Finds every name on this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the loopback address."""
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port,
                          family=socket.AF_INET, proto=0, flags=0)
        ]  # fmt: skip

    async def close(self) -> None:
        """Hold nothing."""


@contextmanager
def fronted(kind: str, folder: Path) -> Iterator[Front]:
    """Run a node with a proxy of a ``kind`` in front of it."""
    trusted = trusted_here()
    authority = Authority(folder)
    issued = authority.issue(NAME, LOCAL)
    port = free_port()
    settings = {
        **SETTINGS,
        "DEALCAST__HTTP__PUBLIC_URL": f"https://{NAME}:{port}",
        "DEALCAST__HTTP__TRUSTED_PROXIES": "127.0.0.1",
        "DEALCAST__HTTP__ORIGINS": SHOP_PAGE,
        "DEALCAST__HTTP__FRAME_ANCESTORS": f"{SHOP_PAGE},https://*.shop.example",
        "DEALCAST__PAYMENTS__SANDBOX_PUBLIC_URL": f"https://{NAME}:{port}",
        "DEALCAST__PAYMENTS__WEBHOOK_URL": f"https://{LOCAL}:{port}",
        "SSL_CERT_FILE": str(authority.file),
    }
    with running("--workers=1", settings=settings) as node:
        front = Front(
            kind=kind,
            node=node,
            port=port,
            plain_port=free_port(),
            authority=authority,
        )
        proxy = start(front, folder, issued)
        try:
            proxy.wait_until(lambda: listens(front), limit_s=START_S)
            yield front
        finally:
            proxy.stop()
            print(proxy.output())
    assert trusted_here() == trusted, "the proxy changed whom this machine trusts"


def trusted_here() -> set[str]:
    """Return the names of the authorities that were added to this machine."""
    return {file.name for file in Path("/usr/local/share/ca-certificates").glob("*")}


def start(front: Front, folder: Path, issued: Issued) -> Process:
    """Start the proxy by its example, with the addresses and paths of this run."""
    name, text = {"nginx": nginx, "caddy": caddy}[front.kind](front, folder)
    for given, ours in {
        "127.0.0.1:8080": f"127.0.0.1:{front.node.port}",
        "127.0.0.1:8081": f"127.0.0.1:{front.node.port + 1}",
        "/etc/ssl/dealcast/fullchain.pem": str(issued.certificate),
        "/etc/ssl/dealcast/privkey.pem": str(issued.key),
    }.items():
        assert given in text, f"{name} has no {given}"
        text = text.replace(given, ours)
    file = folder / name
    file.write_text(text)
    command = {
        "nginx": ["nginx", "-c", str(file), "-g", "daemon off;"],
        "caddy": ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"],
    }[front.kind]
    env = {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return Process.start(command, log=folder / "proxy.log", env=env)


def nginx(front: Front, folder: Path) -> tuple[str, str]:
    """Return the name and the text of nginx's example, moved to loopback."""
    text = (EXAMPLES / "nginx.conf").read_text()
    for host, ours in (("", "127.0.0.1:"), (r"\[::\]:", "[::1]:")):
        text = re.sub(rf"listen {host}80\b", f"listen {ours}{front.plain_port}", text)
        text = re.sub(rf"listen {host}443\b", f"listen {ours}{front.port}", text)
    text = text.replace(f"server_name {NAME};", f"server_name {NAME} {LOCAL};")
    for given in ("/run/nginx.pid", "/var/log/nginx/error.log",
                  "/var/log/nginx/access.log"):  # fmt: skip
        assert given in text
        text = text.replace(given, str(folder / Path(given).name))
    return "nginx.conf", text


def caddy(front: Front, folder: Path) -> tuple[str, str]:
    """
    Return the name and the text of Caddy's example, moved to loopback.

    For the name localhost Caddy makes an authority of its own, which it would
    have this machine trust from then on: it must not.
    """
    text = (EXAMPLES / "Caddyfile").read_text()
    options = ["admin localhost:{}", "default_bind 127.0.0.1", "skip_install_trust"]
    for given, ours in {
        "admin localhost:2019": "\n\t".join(options).format(free_port()),
        "http_port 80": f"http_port {front.plain_port}",
        "https_port 443": f"https_port {front.port}",
        f"\n{NAME} {{": f"\n{NAME}, {LOCAL} {{",
    }.items():
        assert given in text, given
        text = text.replace(given, ours)
    return "Caddyfile", text


def listens(front: Front) -> bool:
    """Say whether the proxy takes connections, and passes them on."""
    try:
        with front.dial() as line:
            line.sendall(
                f"GET /healthz HTTP/1.1\r\nHost: {NAME}:{front.port}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            return b" 200 " in line.recv(4096).partition(b"\r\n")[0]
    except OSError:
        return False
