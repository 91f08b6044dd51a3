"""Tokens: JWTs of this installation, and of the shop that it serves."""

from dataclasses import dataclass
from typing import Any

import jwt
from jwt import PyJWK
from jwt.exceptions import ExpiredSignatureError, PyJWTError

from dealcast.core.errors import TokenExpired, TokenInvalid
from dealcast.shop.people.jwks import ALGORITHMS, Jwks
from dealcast.shop.people.rules import Claims, claims_of

AUDIENCE = "dealcast"
ISSUER = "dealcast"  # Tokens that this installation issued itself.
LEEWAY_S = 30
SECRET_MIN = 32
TOKEN_MAX = 4096
# Headers that would let a token bring its own key, or rules that we do not know.
REFUSED_HEADERS = ("jku", "jwk", "x5u", "x5c", "crit", "b64")
# What the library raises for the many ways in which a text is no token.
BROKEN = (PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Tokens:
    """
    Checks and signs tokens.

    The algorithms follow from who issued the token, never from the token:
    ours are HS256; the shop's are HS256 too, or those of its key set.
    """

    secret: bytes
    jwks: Jwks | None = None

    def __post_init__(self) -> None:
        if len(self.secret) < SECRET_MIN:
            raise ValueError(f"the secret needs at least {SECRET_MIN} bytes")

    def sign(self, claims: dict[str, Any]) -> str:
        """Sign ``claims`` as a token of this installation."""
        issued = {**claims, "iss": ISSUER, "aud": AUDIENCE}
        return jwt.encode(issued, self.secret, algorithm="HS256")

    async def claims(self, token: str) -> Claims:
        """
        Return what ``token`` says.

        Raises:
            TokenInvalid: If it is not a good token for this server.
            TokenExpired: If it was one.
            Unavailable: If the shop's keys could not be fetched.
        """
        if len(token) > TOKEN_MAX:
            raise TokenInvalid("too long")
        try:
            header = jwt.get_unverified_header(token)
            # Only to choose the key; nothing else is believed before the check.
            unchecked = jwt.decode(token, options={"verify_signature": False})
            ours = unchecked.get("iss") == ISSUER
            key, algorithms = await self._key(header, ours=ours)
            payload = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                options={"require": ["exp", "aud", "sub"]},
            )
        except ExpiredSignatureError:
            raise TokenExpired from None
        except BROKEN as error:
            raise TokenInvalid(type(error).__name__) from None
        return claims_of(payload)

    async def _key(
        self, header: dict[str, Any], *, ours: bool
    ) -> tuple[bytes | PyJWK, list[str]]:
        for name in REFUSED_HEADERS:
            if name in header:
                raise TokenInvalid(f"header {name}")
        if str(header.get("typ", "JWT")).upper() not in ("JWT", "AT+JWT"):
            raise TokenInvalid("header typ")
        algorithm = header.get("alg")
        if ours or self.jwks is None:
            if algorithm != "HS256":
                raise TokenInvalid("algorithm")
            return self.secret, ["HS256"]
        if algorithm not in ALGORITHMS:
            raise TokenInvalid("algorithm")
        kid = header.get("kid")
        if kid is not None and not (isinstance(kid, str) and len(kid) <= 200):
            raise TokenInvalid("header kid")
        return await self.jwks.key(kid, algorithm), [algorithm]
