"""Certificates: our own, made when it is needed; those that were given, as they are."""

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from dealcast.app import self_signed, tls
from dealcast.app.tls import Door, Files
from dealcast.config import Unusable
from tests.support.certificates import Authority, Issued, pem_of, put

HOSTS = ["192.168.1.7", "2001:db8::5", "box.example"]
DAY = timedelta(days=1)
NOW = datetime(2026, 7, 1, tzinfo=UTC)


def read(file: Path) -> x509.Certificate:
    """Read the certificate."""
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_it_names_all_that_leads_here(tmp_path: Path) -> None:
    file = tmp_path / "tls" / "own.pem"
    assert self_signed.keep(file, HOSTS)
    made = read(file)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    said = {str(one.value) for one in names}
    assert {*HOSTS, "localhost", "127.0.0.1", "::1"} <= said
    use = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(use) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(file.parent) == ["own.pem"]


def test_it_is_made_anew_only_when_it_has_to_be(tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    assert self_signed.keep(file, HOSTS, NOW)
    first = read(file)
    assert not self_signed.keep(file, HOSTS, NOW + 300 * DAY)
    assert not self_signed.keep(file, HOSTS[:1], NOW)  # An address that went away.
    assert read(file) == first
    assert self_signed.keep(file, [*HOSTS, "10.0.0.5"], NOW)
    assert read(file) != first
    assert self_signed.keep(file, HOSTS, NOW + 380 * DAY)  # It nears its end.
    assert self_signed.keep(file, HOSTS, NOW - 10 * DAY)  # The clock was set back.
    file.write_text("not a certificate")
    assert self_signed.keep(file, HOSTS, NOW)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return who vouches for certificates."""
    return Authority(tmp_path)


def files_of(issued: Issued) -> Files:
    """Return a certificate as settings name it."""
    return Files(certificate=issued.certificate, key=issued.key, self_signed=False)


def test_what_cannot_be_used_is_named(authority: Authority, tmp_path: Path) -> None:
    good, other = authority.issue("a.example"), authority.issue("b.example")
    none, text, locked = (tmp_path / name for name in ("none", "text", "locked"))
    text.write_text("nothing in PEM form")
    key = ec.generate_private_key(ec.SECP256R1())
    locked.write_bytes(pem_of(key, b"a password"))
    cases = [
        (Issued(none, good.key), "cannot read .*none: No such file"),
        (Issued(good.certificate, none), "cannot read .*none: No such file"),
        (Issued(tmp_path, good.key), "cannot read .*: Is a directory"),
        (Issued(text, good.key), "text: it holds no certificate"),
        (Issued(good.key, good.key), "it holds no certificate"),
        (Issued(good.certificate, text), "text: it holds no private key"),
        (Issued(good.certificate, good.certificate), "it holds no private key"),
        (Issued(good.certificate, other.key), "does not belong to"),
        (Issued(good.certificate, locked), "locked with a password"),
    ]
    for issued, told in cases:
        with pytest.raises(Unusable, match=told):
            tls.load(files_of(issued))


def test_time_is_warned_of(authority: Authority) -> None:
    pair = tls.load(files_of(authority.issue("a.example", days=20)))
    now = datetime.now(UTC)
    assert pair.warning(now) is None
    assert "expires on" in (pair.warning(now + 10 * DAY) or "")
    assert "has expired" in (pair.warning(now + 30 * DAY) or "")
    assert "only from" in (pair.warning(now - 30 * DAY) or "")


def handshake(door: Door, authority: Authority) -> str:
    """Shake hands with ``door``; return the fingerprint of what it showed."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.trusted().wrap_bio(
        to_client, to_server, server_hostname="a.example"
    )
    server = door.context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = client.getpeercert(binary_form=True)
    assert shown is not None and server.version() == "TLSv1.3"
    return x509.load_der_x509_certificate(shown).fingerprint(hashes.SHA256()).hex()


def test_a_renewed_certificate_is_shown_at_the_next_handshake(
    authority: Authority,
) -> None:
    """Also one with a key of another kind, which must not stand beside the old."""
    issued = authority.issue("a.example")
    door = Door(files_of(issued))
    seen = [handshake(door, authority)]
    for rsa in (False, True, False):
        authority.issue("a.example", into=issued, rsa_=rsa)
        seen.append(handshake(door, authority))
        assert door.pin().fingerprint.hex() == seen[-1]
    assert len(set(seen)) == 4


def test_a_renewal_that_went_wrong_leaves_the_old_one(authority: Authority) -> None:
    issued, other = authority.issue("a.example"), authority.issue("a.example")
    door = Door(files_of(issued))
    before = handshake(door, authority)
    key, certificate = issued.key.read_bytes(), issued.certificate.read_bytes()
    put(issued.key, b"half a key")
    assert handshake(door, authority) == before
    issued.key.unlink()
    assert handshake(door, authority) == before
    put(issued.certificate, other.certificate.read_bytes())
    put(issued.key, key)  # The key comes later than its certificate.
    assert handshake(door, authority) == before
    put(issued.key, other.key.read_bytes())
    assert handshake(door, authority) != before
    put(issued.certificate, certificate)
    put(issued.key, key)
    assert handshake(door, authority) == before


def test_old_versions_are_not_spoken(authority: Authority) -> None:
    door = Door(files_of(authority.issue("a.example")))
    for context in (door.context, door.pair.context):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
