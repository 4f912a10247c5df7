"""Send the id of a click along with Celery's messages, in a header that older versions ignore, and may not send."""

from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun

from telemetry import trace

HEADER = "request_id"


@before_task_publish.connect
def name_the_click(headers: Any = None, **kwargs: Any) -> None:
    """Write the id into each message: of a task that somebody sends, the next link of a chain, a retry."""
    request = trace.present().request
    if request and isinstance(headers, dict):
        headers[HEADER] = request


@task_prerun.connect
def go_on(task: Any, task_id: str, **kwargs: Any) -> None:
    """Read it from the message. A task that is called in place (eagerly) goes on in the caller's course."""
    if not task.request.is_eager:
        trace.begin_task(trace.checked(task.request.get(HEADER)), task_id, task.name)


@task_postrun.connect
def forget(task: Any, **kwargs: Any) -> None:
    """Keep nothing for the next task of this thread."""
    if not task.request.is_eager:
        trace.end_task()
