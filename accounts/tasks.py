"""What the accounts' tables need in the background."""

from django.core.management import call_command

from accounts import limits
from celery_app import app


@app.task(name="kitchen.clear_sessions")
def clear_sessions() -> None:
    """Once a day: sessions and counted tries that are out of date."""
    call_command("clearsessions")
    limits.clear()
