"""Send an alarm to whoever is to hear it: a webhook, and people by mail.

Both can hang and fail. Each try has a thread of its own and a limit, so one does not hold the other up. Neither the
webhook's address, which can contain a secret, nor anybody's mail address gets into the log.
"""

import json
import logging
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPException
from smtplib import SMTPException
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage

from pizzaProj import waits

logger = logging.getLogger(__name__)

NAMELESS = ("localhost", "127.0.0.1", "[::1]", "*")


@dataclass(frozen=True)
class Alarm:
    what: str
    text: str
    count: int = 0


@dataclass(frozen=True)
class Recipient:
    name: str
    send: Callable[[Alarm], None]  # raises an exception if it can't be sent


class Straight(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: it could lead anywhere inside the network, or from https to http."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def recipients() -> list[Recipient]:
    found = []
    if settings.ALARM_URL:
        found.append(Recipient(f"the webhook at {urlsplit(settings.ALARM_URL).hostname}", post))
    if settings.ALARM_EMAIL:
        found.append(Recipient("the mail server", mail))
    return found


def post(alarm: Alarm) -> None:
    body = json.dumps({**asdict(alarm), "shop": shop_name()}).encode()
    request = urllib.request.Request(settings.ALARM_URL, body, {"Content-Type": "application/json"})
    with urllib.request.build_opener(Straight).open(request, timeout=waits.ALARM_ANSWER_SECONDS):
        pass  # the status alone counts


def mail(alarm: Alarm) -> None:
    subject = f"{shop_name()}: {alarm.what.replace('_', ' ')}"
    EmailMessage(subject, f"{alarm.text}\n", to=list(settings.ALARM_EMAIL)).send()


def shop_name() -> str:
    """Return the shop's first name in the network, or this machine's, if it has none."""
    names = [name.lstrip(".") for name in settings.ALLOWED_HOSTS if name not in NAMELESS]
    return names[0] if names else socket.gethostname()


# Tries


def deliver(alarm: Alarm, to: list[Recipient] | None = None) -> dict[str, str]:
    """Send it, with a few tries. Return {recipient: why it failed}, which is also logged, once."""
    left = recipients() if to is None else to
    failures: dict[str, str] = {}
    for pause_seconds in waits.ALARM_PAUSES_SECONDS:
        if left:
            threading.Event().wait(pause_seconds)
        failures = {one.name: why for one in left if (why := attempt(one, alarm))}
        left = [one for one in left if one.name in failures]
    for name, why in failures.items():
        logger.warning("The alarm “%s” did not get to %s: %s", alarm.what, name, why)
    return failures


def attempt(recipient: Recipient, alarm: Alarm) -> str:
    """Try once. Return why it failed, or an empty string. A name server can hang, too, so there is a limit in all."""
    outcome = [f"no answer within {waits.ALARM_SECONDS:g} s"]

    def try_it() -> None:
        try:
            recipient.send(alarm)
            outcome[0] = ""
        except Exception as error:
            outcome[0] = reason(error)

    thread = threading.Thread(target=try_it, name="alarm", daemon=True)
    thread.start()
    thread.join(waits.ALARM_SECONDS)
    return outcome[0]


def reason(error: Exception) -> str:
    """Return what went wrong, without the words of an exception, which can quote an address."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"it answered {error.code}" + (" (redirects are not followed)" if 300 <= error.code < 400 else "")
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return reason(error.reason)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    is_of_the_system = isinstance(error, OSError) and not isinstance(error, (HTTPException, SMTPException))
    return getattr(error, "strerror", None) or type(error).__name__ if is_of_the_system else type(error).__name__
