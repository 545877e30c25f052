"""The addresses that requests come from."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from app.extensions import settings

if TYPE_CHECKING:
    from config.settings import Networks

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_IPV6_PLACE_BITS = 64  # what one household or machine is given


def read_address(text: str) -> Address | None:
    """Return an address; an IPv4 one that came in IPv6's clothes as what it is.

    None where the text is no address, as for a request that came over a Unix socket.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def place_of(address: Address) -> str:
    """Return the address, or the network of an IPv6 one: a machine takes new ones in that."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    network = ipaddress.IPv6Network((address.packed, _IPV6_PLACE_BITS), strict=False)
    return str(network.network_address)


def counted_place(ip: str) -> str | None:
    """Return what a caller's attempts are counted by; none where the address is exempt."""
    return place_outside(settings.rate_limit_exempt_networks, ip)


def place_outside(exempt: Networks, ip: str) -> str | None:
    """Return what counts as one address; none where it is in one of the exempt networks."""
    address = read_address(ip)
    if address is None:
        return "unknown"
    if any(address in network for network in exempt):
        return None
    return place_of(address)
