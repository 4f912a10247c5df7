"""The book of promises, in the background."""

import logging

from django.utils import timezone

from celery_app import app
from kitchen.promises import forecast, ledger, measure

logger = logging.getLogger(__name__)


@app.task(name="kitchen.forecast")
def look_ahead() -> None:
    """When every open order will be there, as of now; and what has come of the promises."""
    now = timezone.now()
    try:
        ledger.settle(now)
    except Exception:  # what a promise came to can wait; a forecast that stands still misleads customers
        logger.exception("The ledger of promises was not settled")
    forecast.renew(now)


@app.task(name="kitchen.measure")
def measure_work() -> None:
    """How long the work takes at each station, from the event log."""
    measure.renew()
