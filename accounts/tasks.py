"""Run the background jobs of the accounts' tables."""

from django.core.management import call_command

from accounts import limits
from celery_app import Replaceable, app


@app.task(name="kitchen.clear_sessions", base=Replaceable)
def clear_sessions() -> None:
    """Delete expired sessions and attempts, once a day."""
    call_command("clearsessions")
    limits.clear()
