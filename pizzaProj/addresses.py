"""Keep the passwords in the addresses of servers out of logs, reports and error pages."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

MASK = "********"
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


def checked(name: str, url: str) -> Address:
    """Return the address. Raise ImproperlyConfigured if it can't be parsed: Python's own error quotes the password."""
    try:
        urlsplit(url).port  # noqa: B018  reading it is the check
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} cannot be read. Characters such as / ? # [ @ in a password must be percent-encoded."
        ) from None
    return Address(url)
