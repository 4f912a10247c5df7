"""Read addresses from the settings, and keep the passwords in them out of logs, reports and error pages."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

MASK = "********"
Network = IPv4Network | IPv6Network
IN_FRONT = re.compile(r"(?<=://)([^:/?#@]*):.*@")
IN_QUERY = re.compile(r"(?<=[?&]password=)[^&#]*")


class Address(str):
    """A URL whose `repr`, as in a dump of the settings, masks the password."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(IN_QUERY.sub(MASK, IN_FRONT.sub(rf"\1:{MASK}@", str(self))))


class Secret(str):
    """A password or key whose `repr`, as in a dump of the settings, is masked."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


def webhook(name: str, url: str) -> Secret:
    """Return the address of a webhook, which can contain a secret. Raise ImproperlyConfigured if it is none."""
    parts = urlsplit(checked(name, url))
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or not is_plain):
        raise ImproperlyConfigured(f"{name} must begin with http:// or https:// and the name of a host.")
    if parts.username is not None:
        raise ImproperlyConfigured(f"{name} can't have a user and a password before the name of its host.")
    return Secret(url)


def mailboxes(name: str, texts: list[str]) -> list[Secret]:
    """Return addresses of e-mail. Raise ImproperlyConfigured if one of them is none."""
    try:
        for text in texts:
            validate_email(text)
    except ValidationError:
        raise ImproperlyConfigured(f"{name} must be addresses of e-mail, with commas between.") from None
    return [Secret(text) for text in texts]


def checked(name: str, url: str) -> Address:
    """Return the address. Raise ImproperlyConfigured if it can't be parsed: Python's own error quotes the password."""
    try:
        urlsplit(url).port  # noqa: B018  reading it is the check
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} cannot be read. Characters such as / ? # [ @ in a password must be percent-encoded."
        ) from None
    return Address(url)


def network(name: str, text: str) -> Network:
    """Return a network, such as 10.0.0.0/8. Raise ImproperlyConfigured if it is none."""
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} has “{text}”, which is not a network like 10.0.0.0/8: {error}.") from None
