"""The id of a click goes along with the messages of tasks, and to nobody else."""

import pytest
from celery import Celery
from celery.app.trace import build_tracer

from telemetry import trace
from telemetry.messages import HEADER
from telemetry.trace import Trace

CLICK = "0123456789abcdef"
OF_NGINX = CLICK * 2


@pytest.fixture
def app():
    """Return an application with a task that says in whose course it runs, and sends itself once more."""
    app = Celery("traced", broker="memory://", set_as_current=False)
    app.seen = []

    @app.task(name="tell", bind=True, shared=False)
    def tell(self, again=False):
        app.seen.append(trace.present())
        if again:
            self.apply_async()

    app.tell = tell
    return app


def taken(app):
    """Take a message from the queue and run it as a worker does; return its headers."""
    with app.connection_for_read() as connection:
        message = connection.default_channel.basic_get("celery", no_ack=True)
    headers = message.headers
    args, kwargs, _ = message.decode()
    request = {**headers, "args": args, "kwargs": kwargs, "is_eager": False, "delivery_info": {}}
    build_tracer("tell", app.tell, app=app)(headers["id"], args, kwargs, request)
    return headers


def test_a_task_and_what_it_sends_belong_to_the_click(app):
    with trace.in_course_of(CLICK):
        app.tell.apply_async((True,))
    first, second = taken(app), taken(app)
    assert [headers[HEADER] for headers in (first, second)] == [CLICK, CLICK]
    assert app.seen == [Trace(CLICK, headers["id"], "tell") for headers in (first, second)]
    assert trace.present() == trace.NOTHING


def test_what_no_click_began_has_a_task_alone(app):
    app.tell.apply_async()
    headers = taken(app)  # as of an older version, too
    assert HEADER not in headers
    assert app.seen == [Trace("", headers["id"], "tell")]


def test_a_header_that_is_no_id_is_left_out(app):
    app.tell.apply_async(headers={HEADER: "/order/abc"})
    taken(app)
    assert [seen.request for seen in app.seen] == [""]


def test_a_task_that_is_called_in_place_stays_in_the_callers_course(app):
    with trace.in_course_of(CLICK):
        app.tell.apply()
        assert trace.present() == Trace(CLICK)
    assert app.seen == [Trace(CLICK)]


@pytest.mark.parametrize("sent", ["", "A" * 16, "g" * 16, CLICK[:-1], CLICK + "0", f"{CLICK}\n", None, 7, ["a"]])
def test_anything_else_is_no_id(sent):
    assert trace.checked(sent) == ""


def test_ours_and_the_proxys_are_ids():
    assert [trace.checked(one) for one in (CLICK, OF_NGINX)] == [CLICK, OF_NGINX]
    assert trace.checked(new := trace.new_id()) == new != trace.new_id()
