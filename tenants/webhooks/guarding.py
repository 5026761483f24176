"""Which addresses may be called: a customer writes them, so none may lead back into the house (SSRF)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from billing.errors import Refused

HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?\Z|\[[0-9A-Fa-f:.]+\]\Z")
PORTS = {"https": 443, "http": 80}
FIRST_FREE_PORT = 1024
EMBEDS_IPV4 = [IPv6Network("64:ff9b::/96"), IPv6Network("::/96")]
# Python calls these public: translation within a network (RFC 8215), 6to4 relays (RFC 7526).
NOT_PUBLIC: list[IPv4Network | IPv6Network] = [IPv6Network("64:ff9b:1::/48"), IPv4Network("192.88.99.0/24")]


class ForbiddenAddress(Refused):
    """No webhook goes to such an address."""

    status = 422


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart; ``host`` without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Give the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(url: str) -> Target:
    """Take an address apart. Raises ForbiddenAddress for all but https://host[:port]/path of a public host.

    http is for hosts in ``HUADAN_WEBHOOK_NETWORKS`` alone. A name is resolved when it is called, not now.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _malformed() from None
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>') or parts.fragment:
        raise _malformed()
    if "@" in parts.netloc:
        raise _refusal("credentials", _("Leave name and password out of the address; messages are signed."))
    if parts.scheme not in (PORTS if settings.WEBHOOK_NETWORKS else {"https"}):
        raise _refusal("not_https", _("Write an address that begins with https://."))
    if not HOST.match(parts.netloc.removesuffix(f":{port}")) or parts.hostname is None:
        raise _malformed()
    port = PORTS[parts.scheme] if port is None else port
    if port != PORTS[parts.scheme] and port < FIRST_FREE_PORT:
        raise _refusal("wrong_port", _("Leave the port out, or use one from 1024 on."))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(parts.scheme, parts.hostname, port, path)
    _refuse_written_address(target)
    return target


def addresses_of(target: Target) -> list[str]:
    """Resolve the host once and return its addresses, to be connected to as they are: nobody asks for the name again.

    Raises ForbiddenAddress when any of them is not public, or the name has none.
    """
    try:
        found = resolve(target.host, target.port)
    except (OSError, UnicodeError):
        raise _refusal("unknown_host", _("The name %(host)s has no address.") % {"host": target.host}) from None
    for address in found:
        if not is_permitted(address, target.scheme):
            raise _refusal(
                "private_address",
                _("%(host)s leads to %(address)s, which webhooks may not call; use a public https address.")
                % {"host": target.host, "address": address},
            )
    return found


def resolve(host: str, port: int, flags: int = 0) -> list[str]:
    """Ask the system for the addresses of a host. Raises OSError for none."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)]


def is_permitted(address: str, scheme: str) -> bool:
    """Tell whether an address may be called: public by https, or named by the operator; link-local ones never."""
    ip = _innermost(ip_address(address))
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    if _within(ip, settings.WEBHOOK_NETWORKS):
        return True
    inside = ip.is_loopback or ip.is_private or ip.is_reserved or getattr(ip, "is_site_local", False)
    return scheme == "https" and ip.is_global and not inside and not _within(ip, NOT_PUBLIC)


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Unwrap an IPv4 address that travels inside an IPv6 one: mapped, 6to4, Teredo, NAT64, compatible."""
    if not isinstance(ip, IPv6Address):
        return ip
    if ip.teredo:
        return ip.teredo[1]
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour or ip
    if _within(ip, EMBEDS_IPV4) and int(ip) not in {0, 1}:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _within(ip: IPv4Address | IPv6Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(ip in network for network in networks)


def _refuse_written_address(target: Target) -> None:
    """Refuse an address written in figures, however it is spelt (2130706433, 0x7f.1); this asks no name server."""
    try:
        resolve(target.host, target.port, socket.AI_NUMERICHOST)
    except OSError:
        return  # a name
    addresses_of(target)


def _malformed() -> ForbiddenAddress:
    return _refusal("wrong_address", _("Write an address such as https://erp.example.com/huadan."))


def _refusal(code: str, sentence: str) -> ForbiddenAddress:
    return ForbiddenAddress(code, sentence, pointer="/url")
