"""Mails leave in the background: an answer that waits for the mail server tells who has an account here."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.core.mail import EmailMessage

logger = logging.getLogger(__name__)

# Its thread begins with the first mail; when the process ends, Python waits for the last.
pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


def post(write: Callable[[], EmailMessage]) -> None:
    """Hand over and go on: it is also written in the background. What can't be sent is logged, without the address."""
    pool.submit(_send, write)


def _send(write: Callable[[], EmailMessage]) -> None:
    try:
        write().send()
    except Exception as error:
        logger.warning("A mail was not sent: %s", type(error).__name__)
