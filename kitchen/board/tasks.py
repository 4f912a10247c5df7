"""Background tasks of the board's switches."""

from random import Random

from celery_app import Replaceable, app
from kitchen import clock
from kitchen.board import demand


@app.task(name="kitchen.demand", base=Replaceable)
def bring_customers() -> None:
    """Place the orders of simulated customers, as many as arrived since the last run."""
    demand.place_arrivals(clock.now(), Random())
