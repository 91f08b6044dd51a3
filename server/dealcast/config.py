"""
Settings: frozen, from a TOML file and from the environment.

A file ``dealcast.toml`` in the data folder (or ``--config FILE``) sets what the
names below say, by table; ``DEALCAST__REDIS__URL=...`` in the environment wins
over it. An unknown name is an error: a misspelt setting must not pass in silence.
"""

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from dealcast.core import addresses
from dealcast.core.addresses import EVERYWHERE, Network, Scheme

PREFIX = "DEALCAST__"
LISTS = ("origins", "frame_ancestors", "trusted_proxies")

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]
Count = Annotated[int, Meta(ge=1, le=100_000)]
Url = Annotated[str, Meta(max_length=500)]


class Unusable(Exception):
    """What the operator gave cannot be used; the message is one clear line."""


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of settings."""


class Http(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shared port."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: Url | None = None  # As browsers see it; default http(s)://host:port.
    origins: tuple[Url, ...] = ()  # Foreign pages that may talk to this server.
    frame_ancestors: tuple[Url, ...] = ()  # Pages that may embed ours.
    tls: Literal["self-signed"] | None = None  # A certificate of our own making.
    tls_cert: str | None = None  # Or a PEM file of one, with its chain.
    tls_key: str | None = None  # Default: in the same file.
    trusted_proxies: tuple[str, ...] = ()  # Addresses, ranges: believed on others.


class RedisSection(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Redis is; without a URL one is started in the data folder."""

    url: Url | None = None
    binary: str | None = None
    connections_max: Count = 64


class Sql(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the books are; without a URL an SQLite file in the data folder."""

    url: Url | None = None


class Auth(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may sign in, and where."""

    secret: Annotated[str, Meta(min_length=32, max_length=500)] | None = None
    jwks_url: Url | None = None
    login_url: Url | None = None
    token_s: Seconds = 3600  # Life of the tokens that this server issues.


class Payments(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who takes the money."""

    provider: str = "sandbox"
    pay_s: Seconds = 900  # How long a buyer may take to pay.
    webhook_url: Url | None = None  # As providers reach us; default this very node.
    sandbox_url: Url | None = None  # As we reach it; default http(s)://<host>:<port+1>.
    # As buyers reach it; default the name by which they reach us, and that port.
    sandbox_public_url: Url | None = None
    sandbox_secret: Annotated[str, Meta(min_length=32, max_length=500)] | None = None


class HubSection(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fan-out."""

    window_ms: Annotated[int, Meta(ge=1, le=5000)] = 50
    lane_bytes_max: Annotated[int, Meta(ge=16_384)] = 1_048_576
    chat_per_s_max: Count = 20  # Lines a second in one show; staff are exempt.


class Settings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings."""

    shop_name: Annotated[str, Meta(min_length=1, max_length=80)] = "Dealcast"
    data: str = ".dealcast"
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    demo: bool = False
    http: Http = Http()
    redis: RedisSection = RedisSection()
    sql: Sql = Sql()
    auth: Auth = Auth()
    payments: Payments = Payments()
    hub: HubSection = HubSection()

    @property
    def folder(self) -> Path:
        """The data folder."""
        return Path(self.data).expanduser().absolute()

    @property
    def public_url(self) -> str:
        """The address that browsers use, without a slash at its end."""
        given = self.http.public_url
        return addresses.origin_of(given) if given else self.inside_url

    @property
    def inside_url(self) -> str:
        """The address at which this machine's own processes reach the node."""
        return address(self.http.host, self.http.port, self.scheme)

    @property
    def scheme(self) -> Scheme:
        """How the shared port is spoken to."""
        return "https" if self.http.tls or self.http.tls_cert else "http"

    @property
    def frame_ancestors(self) -> tuple[str, ...]:
        """The pages that may embed ours, as a policy has them."""
        return tuple(map(addresses.source_of, self.http.frame_ancestors))

    @property
    def trusted_proxies(self) -> list[Network]:
        """Whose word about their clients is taken."""
        return [addresses.network_of(text) for text in self.http.trusted_proxies]

    @property
    def sandbox_url(self) -> str:
        """The address of the sandbox payment provider, for this node."""
        given = self.payments.sandbox_url
        return given or address(self.http.host, self.http.port + 1, self.scheme)

    @property
    def sql_url(self) -> str:
        """The address of the books."""
        return self.sql.url or f"sqlite+aiosqlite:///{self.folder / 'books.sqlite3'}"


def address(host: str, port: int, scheme: Scheme = "http") -> str:
    """Return the base URL under which ``host`` answers on this machine."""
    if host in EVERYWHERE:  # This machine knows it as itself.
        host = "127.0.0.1"
    return addresses.url_of(scheme, host, port)


def hosts_of(host: str) -> str | None:
    """Return what to bind for ``host``: by ``::`` people mean IPv4 as well."""
    return None if host == "::" else host


def load(
    environ: Mapping[str, str], overrides: Mapping[str, Any], file: Path | None = None
) -> Settings:
    """
    Read the settings: ``overrides`` win over ``environ``, which wins over the file.

    ``overrides`` has dotted names, such as ``{"http.port": 8080}``.

    Raises:
        Unusable: If a name is unknown, or a value of the wrong type or range.
    """
    merged: dict[str, Any] = {}
    given = [(name.lower().split("__")[1:], value) for name, value in environ.items()
             if name.startswith(PREFIX)]  # fmt: skip
    told = [(name.split("."), value) for name, value in overrides.items()]
    data = next((value for path, value in [*told, *given] if path == ["data"]), None)
    path = file or Path(data or Settings().data).expanduser() / "dealcast.toml"
    if file or path.is_file():
        merged = read_file(path)
    for where, value in [*given, *told]:
        put(merged, where, value)
    try:
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise Unusable(f"settings: {error}") from None
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """
    Look at what types cannot say: the forms of addresses, and what excludes what.

    Raises:
        Unusable: If something is not as it must be.
    """
    http, payments = settings.http, settings.payments

    def each(name: str, form: Callable[[str], object], texts: Iterable[str]) -> None:
        for text in texts:
            try:
                form(text)
            except ValueError as error:
                raise Unusable(f"settings: {name}: {text!r}: {error}") from None

    each("http.public_url", addresses.origin_of, filter(None, [http.public_url]))
    each("http.origins", addresses.origin_of, http.origins)
    each("http.frame_ancestors", addresses.source_of, http.frame_ancestors)
    each("http.trusted_proxies", addresses.network_of, http.trusted_proxies)
    for name in ("webhook_url", "sandbox_url", "sandbox_public_url"):
        given = filter(None, [getattr(payments, name)])
        each(f"payments.{name}", addresses.origin_of, given)
    if http.tls and (http.tls_cert or http.tls_key):
        raise Unusable("settings: http.tls: either self-signed, or a file: not both")
    if http.tls_key and not http.tls_cert:
        raise Unusable("settings: http.tls_key: a key needs its http.tls_cert")


def read_file(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Unusable(f"settings file {path}: {error}") from None


def put(tree: dict[str, Any], where: list[str], value: Any) -> None:
    """Set the value at a path of names; lists come from text by commas."""
    *tables, name = where
    for table in tables:
        tree = tree.setdefault(table, {})
        if not isinstance(tree, dict):
            raise Unusable(f"settings: {'.'.join(where)}: {table} is not a table")
    if name in LISTS and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    tree[name] = value


def environment(settings: Settings) -> dict[str, str]:
    """Write ``settings`` as the variables that a child process reads them from."""
    variables: dict[str, str] = {}

    def walk(tree: dict[str, Any], path: str) -> None:
        for name, value in tree.items():
            variable = f"{path}{name.upper()}"
            if isinstance(value, dict):
                walk(value, f"{variable}__")
            elif isinstance(value, list | tuple):
                variables[variable] = ",".join(value)
            elif value is not None:
                variables[variable] = str(value)

    walk(msgspec.to_builtins(settings), PREFIX)
    kept = {name: v for name, v in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, **variables}
