"""Addresses: the forms of URLs, origins, networks and clients. No look-ups."""

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Literal
from urllib.parse import urlsplit

Scheme = Literal["http", "https"]
Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

EVERYWHERE = ("0.0.0.0", "::")
PORTS = {"http": 80, "https": 443}
NAME = re.compile(
    r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?"
)
PRIVATE_BITS = 64  # What one household or one server gets of IPv6, at least.


def url_of(scheme: Scheme, host: str, port: int) -> str:
    """Return the base URL of a server; a port that goes without saying is left out."""
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" + ("" if port == PORTS[scheme] else f":{port}")


def origin_of(text: str) -> str:
    """
    Return the origin that ``text`` names, as browsers write it.

    Raises:
        ValueError: If it is none; the message says what is wrong.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in PORTS:
        raise ValueError("it begins with http:// or https://")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("it has no path: scheme, name and port are all of it")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it has no user")
    try:
        port = parts.port or PORTS[parts.scheme]
        host = host_of(parts.hostname or "")
    except ValueError:
        raise ValueError("its name or port is none") from None
    return url_of("https" if parts.scheme == "https" else "http", host, port)


def host_of(text: str) -> str:
    """
    Return a host's name or address in lower case.

    Raises:
        ValueError: If it is neither.
    """
    name = text.lower()
    if ":" in name:
        return str(IPv6Address(name))
    if not NAME.fullmatch(name) or len(name) > 253:
        raise ValueError(f"{text[:60]} is no name")
    if name.rstrip(".").rpartition(".")[2].isdigit():
        return str(IPv4Address(name))  # What ends in a number is one, or nothing.
    return name


def source_of(text: str) -> str:
    """
    Return whose pages may embed ours: an origin, or all names below one by ``*.``.

    Raises:
        ValueError: If it is neither; the message says what is wrong.
    """
    scheme, mark, rest = text.strip().partition("://*.")
    if not mark:
        return origin_of(text)
    scheme, _, rest = origin_of(f"{scheme}://{rest}").partition("://")
    return f"{scheme}://*.{rest}"


def network_of(text: str) -> Network:
    """
    Return the network that ``text`` names: a range, or one address.

    Raises:
        ValueError: If it is neither; the message says what is wrong.
    """
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError("it is an address, or a range such as 10.0.0.0/8") from None


def ip_of(text: str) -> Ip | None:
    """Return an address without its zone; None for what is none."""
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped  # So an IPv6 socket sees a client of IPv4.
    return ip


def household(ip: Ip) -> str:
    """Return who shares an allowance: an address of IPv4, or a /64 of IPv6."""
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(IPv6Network((ip, PRIVATE_BITS), strict=False))
