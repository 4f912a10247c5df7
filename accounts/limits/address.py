"""Tell from where a request comes, in a way that its sender can't choose."""

from ipaddress import IPv6Address, ip_address

from django.http import HttpRequest

NEIGHBOURHOOD_BITS = 64  # of an IPv6 address: its owner has every address with the same prefix


def address_of(request: HttpRequest) -> str:
    """Return the request's address from Daphne, which trusts our proxy's word for it (docker-compose.yml)."""
    return neighbourhood(request.META.get("REMOTE_ADDR", ""))


def neighbourhood(address: str) -> str:
    """Return the part of an address that its owner can't change at will."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address  # a Unix socket has none
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or IPv6Address(int(ip) >> NEIGHBOURHOOD_BITS << NEIGHBOURHOOD_BITS))
    return address
