"""Background tasks of the promises."""

import logging

from celery_app import Replaceable, app
from kitchen import clock
from kitchen.promises import days, forecast, ledger, measure
from kitchen.tasks import complete_kitchen

logger = logging.getLogger(__name__)


@app.task(name="kitchen.forecast", base=Replaceable)
def look_ahead() -> None:
    """Renew the forecasts of all open orders, and add the outcomes of promises, to the ledger and to its days."""
    now = clock.now()
    try:
        ledger.settle(now)
        days.add_up()
    except Exception:  # outcomes can wait; a forecast that stands still misleads customers
        logger.exception("The ledger of promises was not settled")
    with complete_kitchen():
        forecast.renew(now)


@app.task(name="kitchen.measure", base=Replaceable)
def measure_work() -> None:
    """Measure the service times of each station, from the event log."""
    measure.renew()
