"""`celery -A celery_app inspect links`: what is under way in the kitchen.

Celery's command line asks for it without Django, and must know its name: so nothing else is imported here.
"""

from typing import Any

from celery.worker.control import inspect_command


@inspect_command()
def links(state: Any) -> dict[str, Any]:
    """Show the work of the kitchen that is due next, and how many moments each worker has noted."""
    from kitchen.worker import under_way

    return under_way.report()
