"""
TLS on the shared port, and to it from inside.

A certificate is read again when its file changes: every handshake looks, and
takes the context of that day. (Loaded into the old context, a new certificate of
another kind of key would stand beside the old one, not in its place.) A file that
cannot be used leaves the one before in force.

The node's own processes know their certificate and need nobody to vouch for it:
they compare its fingerprint.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from aiohttp import Fingerprint
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dealcast.app import self_signed
from dealcast.app.addresses import local_addresses
from dealcast.config import Settings, Unusable
from dealcast.core.addresses import EVERYWHERE
from dealcast.shop.payments.sandbox import Trust, public

SELF_SIGNED = "tls/self-signed.pem"
SOON = timedelta(days=14)
PAIRS = 16  # Of a fingerprint on one line.

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where certificate and key are, perhaps in one file."""

    certificate: Path
    key: Path
    self_signed: bool

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file does; nothing if one is not there."""
        try:
            stats = [file.stat() for file in (self.certificate, self.key)]
        except OSError:
            return ()
        return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in stats)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate that can be served, with its key."""

    leaf: x509.Certificate
    context: ssl.SSLContext

    @property
    def digest(self) -> bytes:
        """The SHA-256 fingerprint."""
        return self.leaf.fingerprint(hashes.SHA256())

    def warning(self, now: datetime) -> str | None:
        """Say what is wrong with its time, if something is."""
        ends = self.leaf.not_valid_after_utc
        if ends <= now:
            return f"the certificate has expired on {ends:%Y-%m-%d}: browsers refuse it"
        if ends - now < SOON:
            return f"the certificate expires on {ends:%Y-%m-%d %H:%M} UTC"
        if self.leaf.not_valid_before_utc > now:
            begins = self.leaf.not_valid_before_utc
            return f"the certificate is good only from {begins:%Y-%m-%d %H:%M} UTC on"
        return None


class Door:
    """What servers of this node present, and what its own clients expect."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.pair = load(files)
        self._seen = files.stamp()
        self.context = load(files).context  # Kept apart: it chooses the day's.
        self.context.sni_callback = self._choose

    def look(self) -> None:
        """Take up a certificate whose file has changed."""
        stamp = self.files.stamp()
        if stamp == self._seen:
            return
        self._seen = stamp  # One word about each change is enough.
        try:
            self.pair = load(self.files)
        except Unusable as error:
            log.warning("certificate_kept", why=str(error))
        else:
            log.info("certificate_changed", sha256=self.pair.digest.hex())

    def pin(self) -> Fingerprint:
        """Return what a client of ours is to find."""
        self.look()
        return Fingerprint(self.pair.digest)

    def _choose(self, handshake: ssl.SSLObject, name: str | None, _: object) -> None:
        self.look()
        handshake.context = self.pair.context


def files_of(settings: Settings) -> Files | None:
    """Return where the certificate is; None without TLS."""
    http = settings.http
    if http.tls_cert:
        certificate = Path(http.tls_cert).expanduser()
        key = Path(http.tls_key).expanduser() if http.tls_key else certificate
        return Files(certificate=certificate, key=key, self_signed=False)
    if http.tls:
        file = settings.folder / SELF_SIGNED
        return Files(certificate=file, key=file, self_signed=True)
    return None


def door_of(settings: Settings) -> Door | None:
    """
    Return what TLS is spoken with; None without it.

    Raises:
        Unusable: If a file cannot be used.
    """
    files = files_of(settings)
    if files is None:
        return None
    if files.self_signed and not files.certificate.exists():
        keep_own(settings)  # A part of a node may be run alone.
    return Door(files)


def keep_own(settings: Settings) -> bool:
    """
    Make our own certificate anew if it is needed; return whether it was.

    Raises:
        Unusable: If it cannot be kept in the data folder.
    """
    file = settings.folder / SELF_SIGNED
    hosts = {*local_addresses(), urlsplit(settings.public_url).hostname or ""}
    if settings.http.host not in EVERYWHERE:
        hosts.add(settings.http.host)
    try:
        return self_signed.keep(file, hosts - {""})
    except OSError as error:
        raise Unusable(f"the certificate {file}: {error.strerror}") from None


def trust_of(door: Door | None) -> Trust:
    """Return what our own clients of our own servers go by, at each call."""
    return door.pin if door else public


def load(files: Files) -> Pair:
    """
    Read certificate and key.

    Raises:
        Unusable: If one is missing or none, or they do not belong together.
    """
    leaf = read_leaf(files.certificate)
    try:
        key = load_pem_private_key(read(files.key), None)
    except TypeError:
        raise Unusable(f"tls_key {files.key}: it is locked with a password") from None
    except ValueError:
        raise Unusable(f"tls_key {files.key}: it holds no private key") from None
    if key.public_key() != leaf.public_key():
        raise Unusable(
            f"tls_key {files.key}: it does not belong to {files.certificate}"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "reason", None) or error.strerror
        raise Unusable(f"tls_cert {files.certificate}: {why}") from None
    return Pair(leaf=leaf, context=context)


def read_leaf(file: Path) -> x509.Certificate:
    """Read the first certificate of a PEM file: the server's own."""
    try:
        return x509.load_pem_x509_certificates(read(file))[0]
    except ValueError:
        raise Unusable(f"tls_cert {file}: it holds no certificate") from None


def read(file: Path) -> bytes:
    """Read a file of the operator's."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot read {file}: {error.strerror}") from None


def describe(door: Door) -> list[str]:
    """Say what a person needs to know of the certificate."""
    warning = door.pair.warning(datetime.now(UTC))
    lines = [f"Warning: {warning}"] if warning else []
    if door.files.self_signed:
        pairs = door.pair.digest.hex(":").upper().split(":")
        lines.append(
            "The certificate is of our own making: browsers warn. Its SHA-256:"
        )
        lines += ["  " + ":".join(pairs[at : at + PAIRS]) for at in range(0, 32, PAIRS)]
    return lines


def client_context(settings: Settings, url: str) -> ssl.SSLContext | bool:
    """Return what a client of the node at ``url`` trusts: also the folder's own."""
    file = settings.folder / SELF_SIGNED
    if not url.startswith("https:") or not file.is_file():
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=file)
    return context
