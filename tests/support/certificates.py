"""Certificates for tests: an authority of their own, and what it vouches for."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, on disk."""

    certificate: Path
    key: Path


class Authority:
    """Vouches for whatever the tests ask for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "authority.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named("The tests' authority")
        begins = datetime.now(UTC) - DAY
        made = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        *names: str,
        days: int = 20,
        into: Issued | None = None,
        rsa_: bool = False,
    ) -> Issued:
        """Make a certificate for ``names``; one that is over if days are negative."""
        key: Key = ec.generate_private_key(ec.SECP256R1())
        if rsa_:
            key = rsa.generate_private_key(65537, 2048)
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(named(names[0]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 20 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(
                x509.SubjectAlternativeName([general(name) for name in names]),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        stem = f"{names[0]}-{made.serial_number}"
        files = into or Issued(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        put(files.key, pem_of(key))
        put(files.certificate, made.public_bytes(serialization.Encoding.PEM))
        return files

    def trusted(self) -> ssl.SSLContext:
        """Return what a client trusts that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.file)


def pem_of(key: Key, password: bytes | None = None) -> bytes:
    """Return a key in PEM form, locked if there is a password."""
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        lock = serialization.BestAvailableEncryption(password)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock
    )


def put(file: Path, data: bytes) -> None:
    """Replace a file as those who renew certificates do: whole."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.chmod(0o600)
    fresh.replace(file)


def named(name: str) -> x509.Name:
    """Return a name as certificates have it."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def general(name: str) -> x509.GeneralName:
    """Return an alternative name: an address, or one of DNS."""
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
