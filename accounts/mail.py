"""Send mail in the background: a response that waits for the mail server reveals who has an account."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.core.mail import EmailMessage

logger = logging.getLogger(__name__)

# The thread starts with the first mail. When the process ends, Python waits for the last one.
pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


def post(write: Callable[[], EmailMessage]) -> None:
    """Queue a mail, which is also written in the background. A failure is logged without the address."""
    pool.submit(_send, write)


def _send(write: Callable[[], EmailMessage]) -> None:
    try:
        write().send()
    except Exception as error:
        logger.warning("An e-mail was not sent: %s", type(error).__name__)
