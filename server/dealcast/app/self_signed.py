"""
A certificate of our own making, so that a phone at hand can speak TLS to a node.

Nobody vouches for it: a browser warns, and a person compares its fingerprint
with the one that the node prints. Key and certificate are one file, so that
nobody ever reads the one of a pair without the other.
"""

import os
import socket
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dealcast.core.addresses import host_of

LIFE = timedelta(days=397)  # Browsers refuse those that live for longer.
REST = timedelta(days=30)  # With less life left, it is made anew.
SLACK = timedelta(hours=1)  # For clocks that are behind ours.
NAME_MAX = 64  # Of a common name.


def keep(file: Path, hosts: Collection[str], now: datetime | None = None) -> bool:
    """
    Make the certificate in ``file`` anew if it is needed; return whether it was.

    It is needed when there is none, when it lacks one of ``hosts``, or when it
    nears its end.

    Raises:
        OSError: If the file cannot be read or written.
    """
    now = now or datetime.now(UTC)
    names = {*hosts, "localhost", "127.0.0.1", "::1", *own_names()}
    if file.exists() and is_good(file.read_bytes(), names, now):
        return False
    write(file, make(names, now))
    return True


def own_names() -> list[str]:
    """Return what this machine calls itself, if that can stand in an address."""
    try:
        return [host_of(socket.gethostname())]
    except ValueError:
        return []


def is_good(pem: bytes, names: Collection[str], now: datetime) -> bool:
    """Tell whether a certificate is good for all ``names``, and for some time."""
    try:
        known = x509.load_pem_x509_certificate(pem)
        serialization.load_pem_private_key(pem, None)
        said = known.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False
    lasts = known.not_valid_before_utc <= now < known.not_valid_after_utc - REST
    covered = {str(one.value) for one in said.value}
    return lasts and covered >= set(names)


def make(names: Collection[str], now: datetime) -> bytes:
    """Return a fresh key and its certificate for ``names``, in PEM form."""
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Dealcast {own()}"[:NAME_MAX])]
    )
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=False,
        crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    public = key.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(title)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + LIFE)
        .add_extension(
            x509.SubjectAlternativeName([general(name) for name in sorted(names)]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return secret + made.public_bytes(serialization.Encoding.PEM)


def own() -> str:
    """Return the machine's name for a person's eyes."""
    return next(iter(own_names()), "server")


def general(name: str) -> x509.GeneralName:
    """Return a name as certificates have it: an address, or one of DNS."""
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def write(file: Path, pem: bytes) -> None:
    """Put a whole file in the old one's place, for nobody else to read."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        output.write(pem)
    fresh.replace(file)
