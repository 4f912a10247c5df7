"""What the board's switches do in the background."""

from random import Random

from django.utils import timezone

from celery_app import app
from kitchen.board import demand


@app.task(name="kitchen.demand")
def bring_customers() -> None:
    """The board's switch: simulated customers, as many as the time since the last run brings."""
    demand.come_in(timezone.now(), Random())
