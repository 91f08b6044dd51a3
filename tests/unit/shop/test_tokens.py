"""Which tokens are believed: ours and the shop's, and no other."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from dealcast.core.clock import ManualClock
from dealcast.core.errors import Refused, TokenExpired, TokenInvalid, Unavailable
from dealcast.core.ids import PersonId
from dealcast.shop.people.jwks import FRESH_MS, STALE_MS, UNKNOWN_MS, Jwks, read_keys
from dealcast.shop.people.rules import caller_of
from dealcast.shop.people.tokens import Tokens

SECRET = b"a secret for tests, 32 bytes or more"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
PEM = RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
URL = "https://shop.example/jwks.json"
NOW_S = int(time.time())  # Of the collection: the tests run some minutes later.
DAY_S = 86_400


def claims(**changes: Any) -> dict[str, Any]:
    good = {"sub": "mei", "aud": "dealcast", "exp": NOW_S + DAY_S, "name": "Mei"}
    merged = {**good, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def hs(payload: dict[str, Any], key: bytes = SECRET, **headers: Any) -> str:
    return jwt.encode(payload, key, algorithm="HS256", headers=headers or None)


def raw(header: Any, payload: Any, key: bytes | None = SECRET) -> str:
    """Write a token by hand: libraries refuse to make the wrong ones."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, payload)
    ]
    signed = b".".join(parts)
    mac = hmac.digest(key, signed, "sha256") if key is not None else b""
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def jwk(made: str, kid: str, **more: Any) -> dict[str, Any]:
    return {**json.loads(made), "kid": kid, **more}


KEYS = {
    "keys": [
        jwk(RSAAlgorithm.to_jwk(RSA.public_key()), "rsa", use="sig", alg="RS256"),
        jwk(ECAlgorithm.to_jwk(EC.public_key()), "ec", alg="ES256"),
        jwk(OKPAlgorithm.to_jwk(ED.public_key()), "ed", alg="EdDSA"),
        jwk(RSAAlgorithm.to_jwk(RSA.public_key()), "enc", use="enc", alg="RS256"),
        {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET).decode(), "kid": "oct"},
        {"kty": "nonsense", "kid": "x"},
        "no object",
    ]
}


class Site:
    """The shop's address, with what it answers and how often it was asked."""

    def __init__(self, answer: Any = KEYS) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return json.dumps(self.answer).encode()


def with_keys(site: Site | None = None, clock: ManualClock | None = None) -> Tokens:
    site, clock = site or Site(), clock or ManualClock(1_000_000_000)
    return Tokens(SECRET, Jwks(URL, clock, site.fetch))


async def test_a_good_token_says_who_asks() -> None:
    tokens = Tokens(SECRET)
    read = await tokens.claims(hs(claims(role="host", show="s07_abcdefghjk")))
    who = caller_of(read, PersonId("u_x"), renewable=False)
    assert (who.subject, who.name, who.role) == ("mei", "Mei", "host")
    assert (who.show, who.expires_at) == ("s07_abcdefghjk", (NOW_S + DAY_S) * 1000)
    plain = await tokens.claims(hs(claims(aud=["other", "dealcast"])))
    assert (plain.role, plain.show) == ("viewer", None)


FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no token": lambda: "not.a.token",
    "two parts": lambda: hs(claims()).rsplit(".", 1)[0],
    "no signature": lambda: hs(claims()).rsplit(".", 1)[0] + ".",
    "too long": lambda: hs(claims(pad="x" * 5000)),
    "alg none": lambda: raw({"alg": "none", "typ": "JWT"}, claims(), None),
    "alg None": lambda: raw({"alg": "None"}, claims(), None),
    "alg NONE, signed": lambda: raw({"alg": "NONE"}, claims()),
    "no alg": lambda: raw({"typ": "JWT"}, claims()),
    "alg a list": lambda: raw({"alg": ["HS256"]}, claims()),
    "alg a number": lambda: raw({"alg": 256}, claims()),
    "HS512": lambda: jwt.encode(claims(), SECRET * 2, algorithm="HS512"),
    "HS384": lambda: jwt.encode(claims(), SECRET * 2, algorithm="HS384"),
    "RS256": lambda: jwt.encode(claims(), RSA, algorithm="RS256"),
    "another secret": lambda: hs(claims(), b"another secret, long enough to sign"),
    "the public key as secret": lambda: raw({"alg": "HS256"}, claims(), PEM),
    "jku": lambda: hs(claims(), jku=URL),
    "jwk": lambda: hs(claims(), jwk={"kty": "oct", "k": "AA"}),
    "x5u": lambda: hs(claims(), x5u=URL),
    "x5c": lambda: hs(claims(), x5c=["AA"]),
    "crit": lambda: hs(claims(), crit=["exp"]),
    "unknown crit": lambda: raw({"alg": "HS256", "crit": ["no"]}, claims()),
    "b64": lambda: raw({"alg": "HS256", "b64": False}, claims()),
    "typ of another kind": lambda: hs(claims(), typ="secevent+jwt"),
    "no sub": lambda: hs(claims(sub=None)),
    "empty sub": lambda: hs(claims(sub="")),
    "long sub": lambda: hs(claims(sub="x" * 256)),
    "sub a number": lambda: raw({"alg": "HS256"}, claims(sub=7)),
    "no exp": lambda: hs(claims(exp=None)),
    "exp a text": lambda: raw({"alg": "HS256"}, claims(exp="soon")),
    "exp for ever": lambda: raw({"alg": "HS256"}, claims(exp=2**53)),
    "exp infinite": lambda: raw({"alg": "HS256"}, claims(exp=float("inf"))),
    "exp no number": lambda: raw({"alg": "HS256"}, claims(exp=float("nan"))),
    "no aud": lambda: hs(claims(aud=None)),
    "another aud": lambda: hs(claims(aud="other")),
    "aud an object": lambda: raw({"alg": "HS256"}, claims(aud={"dealcast": 1})),
    "not yet": lambda: hs(claims(nbf=NOW_S + DAY_S)),
    "issued later": lambda: hs(claims(iat=NOW_S + DAY_S)),
    "unknown role": lambda: hs(claims(role="admin")),
    "role a list": lambda: hs(claims(role=["host"])),
    "staff of no show": lambda: hs(claims(role="host")),
    "show with a star in it": lambda: hs(claims(role="host", show="s*")),
    "show with braces": lambda: hs(claims(role="host", show="{p00}")),
    "show a list": lambda: hs(claims(role="host", show=["*"])),
    "name an object": lambda: hs(claims(name={"a": 1})),
    "payload a list": lambda: raw({"alg": "HS256"}, [1]),
    "payload a text": lambda: raw({"alg": "HS256"}, "sub"),
    "header a list": lambda: raw([], claims()),
}


@pytest.mark.parametrize("name", FORGED)
async def test_forged_tokens(name: str) -> None:
    with pytest.raises(TokenInvalid):
        await Tokens(SECRET).claims(FORGED[name]())


async def test_an_expired_token_says_so() -> None:
    tokens = Tokens(SECRET)
    await tokens.claims(hs(claims(exp=int(time.time()) - 10)))  # Within the leeway.
    with pytest.raises(TokenExpired):
        await tokens.claims(hs(claims(exp=NOW_S - 60)))


@settings(max_examples=200)
@given(st.data())
def test_no_other_bits_pass(data: st.DataObject) -> None:
    token = hs(claims(role="shop"))
    signed, _, mac = token.rpartition(".")
    at = data.draw(st.integers(0, len(signed) - 1))
    char = data.draw(st.characters(codec="ascii", categories=["L", "N", "P"]))
    changed = f"{signed[:at]}{char}{signed[at + 1 :]}.{mac}"
    if changed != token:
        with pytest.raises(TokenInvalid):
            asyncio.run(Tokens(SECRET).claims(changed))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError):
        Tokens(b"x" * 31)


# Key sets.


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")],
)
async def test_the_shops_keys(key: Any, algorithm: str, kid: str) -> None:
    token = jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": kid})
    assert (await with_keys().claims(token)).sub == "mei"


WITH_KEYS: dict[str, Callable[[], str]] = {
    "HS256 of ours, by the shop": lambda: hs(claims()),
    "HS256 with the public key": lambda: raw(
        {"alg": "HS256", "kid": "rsa"}, claims(), PEM
    ),
    "a symmetric key of the set": lambda: hs(claims(), kid="oct"),
    "a key for encryption": lambda: jwt.encode(
        claims(), RSA, algorithm="RS256", headers={"kid": "enc"}
    ),
    "a key for another algorithm": lambda: jwt.encode(
        claims(), RSA, algorithm="RS512", headers={"kid": "rsa"}
    ),
    "PS256 with the RSA key": lambda: jwt.encode(
        claims(), RSA, algorithm="PS256", headers={"kid": "rsa"}
    ),
    "another's key": lambda: jwt.encode(
        claims(), EC, algorithm="ES256", headers={"kid": "rsa"}
    ),
    "kid a path": lambda: jwt.encode(
        claims(), RSA, algorithm="RS256", headers={"kid": "../../etc/passwd"}
    ),
    "no kid among several": lambda: jwt.encode(claims(), RSA, algorithm="RS256"),
    "ours by an RSA key": lambda: jwt.encode(
        claims(iss="dealcast"), RSA, algorithm="RS256", headers={"kid": "rsa"}
    ),
}


@pytest.mark.parametrize("name", WITH_KEYS)
async def test_forged_tokens_where_the_shop_has_keys(name: str) -> None:
    with pytest.raises(TokenInvalid):
        await with_keys().claims(WITH_KEYS[name]())


async def test_ours_count_beside_the_shops_keys() -> None:
    site = Site(Unavailable("down"))
    tokens = with_keys(site)
    read = await tokens.claims(tokens.sign(claims(aud=None)))
    assert (read.iss, site.asked) == ("dealcast", [])


def rs(kid: str) -> str:
    return jwt.encode(claims(), RSA, algorithm="RS256", headers={"kid": kid})


async def test_keys_are_kept_and_fetched_seldom() -> None:
    site, clock = Site(), ManualClock(1_000_000_000)
    tokens = with_keys(site, clock)
    for _ in range(3):
        await tokens.claims(rs("rsa"))
    assert site.asked == [URL]
    for _ in range(5):  # An unknown kid is no way to make us ask and ask.
        with pytest.raises(TokenInvalid):
            await tokens.claims(rs("new"))
    assert len(site.asked) == 1
    clock.advance(UNKNOWN_MS)
    site.answer = {"keys": [jwk(RSAAlgorithm.to_jwk(RSA.public_key()), "new")]}
    await tokens.claims(rs("new"))
    assert len(site.asked) == 2
    with pytest.raises(TokenInvalid):
        await tokens.claims(rs("rsa"))
    clock.advance(FRESH_MS)
    await tokens.claims(rs("new"))
    assert len(site.asked) == 3


async def test_old_keys_do_while_the_shop_is_away() -> None:
    site, clock = Site(), ManualClock(1_000_000_000)
    tokens = with_keys(site, clock)
    await tokens.claims(rs("rsa"))
    site.answer = Unavailable("down")
    clock.advance(FRESH_MS)
    await tokens.claims(rs("rsa"))
    clock.advance(STALE_MS)
    with pytest.raises(Unavailable):
        await tokens.claims(rs("rsa"))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": 7}', b"<html>"])
def test_what_is_no_key_set(body: bytes) -> None:
    with pytest.raises(Refused):
        read_keys(body)
