"""No secret gets into the log, whatever logs it."""

import io
import json
import logging
import sys

import pytest

from accounts.tokens import KEY_START
from pizzaProj.logs import levels
from pizzaProj.logs.discreet import cover, mask
from pizzaProj.logs.lines import Lines
from pizzaProj.tests.test_settings import start

ORDER = "abcdefghij0123456789"
LETTERS = "abcdefghijklmnopqrst"
KEY = f"{KEY_START}a-b_c"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"Not Found: /order/{ORDER}/", "Not Found: /order/…/"),
        (f"uri=/order/{ORDER.upper()[:-1]} clientproto", "uri=/order/… clientproto"),
        (f"No route found for path 'ws/pizza/{ORDER}?x'.", "No route found for path 'ws/pizza/…?x'."),
        ("/ws/chat/private-abc/", "/ws/chat/…/"),
        ("Forbidden: /chat/tuesday%20club/leave/", "Forbidden: /chat/…/leave/"),
        (f"Key (slug)=(order-{LETTERS}) already exists.", "Key (slug)=(…) already exists."),
        (f"Not sent to order_{LETTERS}", "Not sent to order_…"),
        (f"{LETTERS}|{ORDER}", "…|…"),
        ("sessionid=0123456789abcdefghijklmnopqrstuv;", "sessionid=…;"),
        (f"Authorization: Token {KEY}, ", "Authorization: Token …, "),
        ("/new-password/MQ/c1-0123/", "/new-password/…/"),
        ("to alice.b+c@mail.example.org: no such user", "to …: no such user"),
    ],
)
def test_a_secret_is_masked(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        '  File "/home/shop/chat/sockets/room.py", line 20, in __call__',
        "Task kitchen.finish_item[3f2b8c1e-1d2c-4f5a-9b7e-0123456789ab] received",
        "Not Found: /chat/",
        "a-worker@kitchen: 20 orders are overdue since 2026-11-29 04:46:19,437",
        "UnicodeEncodeError in RedisPubSubChannelLayer at 0x7fced61bd120",
    ],
)
def test_the_rest_is_left_alone(text):
    assert mask(text) == text


def test_a_traceback_is_masked_as_well():
    try:
        raise ValueError(f"/order/{ORDER}/")
    except ValueError:
        record = logging.LogRecord("shop", logging.ERROR, "", 1, "At %s", (f"/order/{ORDER}/",), sys.exc_info())
    written = Lines(mask).format(record)
    assert ORDER not in written and "\n" not in written
    entry = json.loads(written)
    assert entry["message"] == "At /order/…/"
    assert entry["exception"].startswith("Traceback") and entry["exception"].endswith("ValueError: /order/…/")


def test_a_file_is_covered_once(tmp_path):
    logger = logging.Logger("shop")
    logger.addHandler(logging.FileHandler(tmp_path / "web.log"))
    logger.addHandler(logging.StreamHandler(io.StringIO()))
    for _ in range(2):
        cover(logger)
    logger.warning("/order/%s/", ORDER)
    file, other = logger.handlers
    (line,) = (tmp_path / "web.log").read_text().splitlines()
    assert json.loads(line)["message"] == "/order/…/"
    assert (len(file.filters), other.filters, other.formatter) == (1, [], None)
    file.close()


def test_no_entry_is_below_the_setting(tmp_path, settings):
    """Not a library's either, whose logger has a level of its own."""
    settings.LOG_LEVEL = levels.checked("Error")
    logger = logging.Logger("django", logging.INFO)
    logger.addHandler(logging.FileHandler(tmp_path / "web.log"))
    cover(logger)
    logger.warning("Slow")
    logger.error("Broken")
    logger.handlers[0].close()
    assert [json.loads(line)["message"] for line in (tmp_path / "web.log").open()] == ["Broken"]


WORKER = """
import logging
from celery.utils.log import get_task_logger
from celery_app import app
app.Worker(loglevel="WARNING", pool="solo")  # sets up the log
for name in ("kitchen", "celery.beat"):
    logging.getLogger(name).info("News")
for logger in (logging.getLogger("kitchen"), get_task_logger("kitchen.finish")):
    logger.warning("Not sent: /order/%s/", "ORDER")
""".replace("ORDER", ORDER)


def test_a_worker_is_discreet_and_tells_our_own_news(tmp_path):
    done = start(tmp_path, WORKER, PYTHONWARNINGS="ignore")
    entries = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(entry["logger"], entry["message"]) for entry in entries] == [
        ("kitchen", "News"),
        ("kitchen", "Not sent: /order/…/"),
        ("kitchen.finish", "Not sent: /order/…/"),
    ]
    assert ORDER not in done.stderr
