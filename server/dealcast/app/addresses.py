"""Where a node can be reached, for people: addresses, and a code for a phone."""

from collections.abc import Sequence
from ipaddress import IPv4Address
from urllib.parse import urlsplit

import ifaddr
import segno

from dealcast.config import Settings
from dealcast.core.addresses import EVERYWHERE, ip_of, url_of

SHOWN_MAX = 8
COLUMNS = 40  # Of a narrow terminal, on a phone.
BORDER = 2
BLACK_ON_WHITE = "\x1b[40;97m{}\x1b[0m"  # The code is drawn by what is light in it.


def local_addresses() -> list[str]:
    """Return this machine's addresses on its networks, those of IPv4 first."""
    found = [
        ip
        for adapter in ifaddr.get_adapters()
        for one in adapter.ips
        if (ip := ip_of(one.ip if isinstance(one.ip, str) else one.ip[0])) is not None
    ]
    # A link-local address of IPv6 means nothing without its zone.
    reachable = [
        ip
        for ip in dict.fromkeys(found)
        if not ip.is_loopback
        and not ip.is_unspecified
        and (isinstance(ip, IPv4Address) or not ip.is_link_local)
    ]
    reachable.sort(key=lambda ip: ip.version)
    return [str(ip) for ip in reachable]


def bases(settings: Settings, local: Sequence[str]) -> list[str]:
    """Return the addresses of the pages, the best for other machines first."""
    http = settings.http
    if http.public_url or http.host not in EVERYWHERE:
        return [settings.public_url]
    both = http.host == "::"
    hosts = [one for one in local if both or ":" not in one][:SHOWN_MAX]
    return [url_of(settings.scheme, host, http.port) for host in [*hosts, "127.0.0.1"]]


def code(url: str) -> list[str]:
    """
    Draw a QR code of ``url`` for a terminal; nothing if it is too wide for one.

    Two rows are one line, and the colours are given: a camera may not know a code
    that is light on dark.
    """
    made = segno.make(url, error="l", boost_error=False, micro=False)
    rows = [list(row) for row in made.matrix_iter(border=BORDER)]
    if len(rows[0]) > COLUMNS:
        return []
    light = [[not dark for dark in row] for row in rows]
    if len(light) % 2:
        light.append([False] * len(light[0]))
    signs = {(True, True): "█", (True, False): "▀", (False, True): "▄",
             (False, False): " "}  # fmt: skip
    return [
        BLACK_ON_WHITE.format(
            "".join(signs[pair] for pair in zip(upper, lower, strict=True))
        )
        for upper, lower in zip(light[::2], light[1::2], strict=True)
    ]


def for_others(url: str) -> bool:
    """Tell whether another machine could reach ``url``."""
    host = urlsplit(url).hostname or ""
    ip = ip_of(host)
    return host != "localhost" and (ip is None or not ip.is_loopback)
