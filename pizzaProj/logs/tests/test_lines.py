"""An entry of the log is one JSON object on one line; on a terminal it is for people."""

import json
import logging
import sys

from pizzaProj.logs.discreet import mask
from pizzaProj.logs.levels import OURS
from pizzaProj.logs.lines import Lines, Words, in_words
from pizzaProj.tests.test_imports import PACKAGES
from telemetry import trace

CLICK = "0123456789abcdef" * 2
FIELDS = {"order": 17, "item": None, "request": CLICK}


def record(message, *args, fields=None, error=None):
    made = logging.LogRecord("kitchen.changes", logging.INFO, "", 1, message, args, error and sys.exc_info())
    made.created = 1_796_000_000.25
    if fields:
        made.fields = fields
    return made


def test_a_change_is_an_object_with_its_fields():
    assert json.loads(Lines(mask).format(record("started", fields=FIELDS))) == {
        "at": "2026-11-30T00:53:20.250Z",
        "level": "INFO",
        "logger": "kitchen.changes",
        "event": "started",
        "order": 17,
        "item": None,
        "request": CLICK,
    }


def test_words_say_in_whose_course_they_were_said():
    trace.begin_task(CLICK, "a task", "kitchen.finish")
    try:
        written = Lines(mask).format(record("The oven\nis “%s”, %s", "cold", "\udc80"))
    finally:
        trace.end_task()
    assert "\n" not in written and "“cold”" in written
    assert json.loads(written) == {
        "at": "2026-11-30T00:53:20.250Z",
        "level": "INFO",
        "logger": "kitchen.changes",
        "message": "The oven\nis “cold”, \udc80",
        "request": CLICK,
        "task": "a task",
        "task_name": "kitchen.finish",
    }


def test_a_terminal_gets_words():
    words = Words(mask, logging.Formatter("%(levelname)s %(message)s"))
    assert words.format(record("started", fields=FIELDS)) == f"INFO started order=17 request={CLICK}"
    assert words.format(record("to a@example.org")) == "INFO to …"


def test_what_broke_is_read_from_the_lines():
    try:
        raise ValueError("no")
    except ValueError as error:
        broken = Lines(mask).format(record("It failed", error=error))
    lines = [Lines(mask).format(record("started", fields=FIELDS)), broken, "printed", '{"a": 1}']
    (first, *trace_back, last), printed, other = [in_words(line) for line in lines[1:]]
    assert in_words(lines[0]) == []
    assert (first, trace_back[0], last) == (
        "INFO It failed",
        "  Traceback (most recent call last):",
        "  ValueError: no",
    )
    assert (printed, other) == (["printed"], ['{"a": 1}'])


def test_the_setting_is_about_all_of_our_packages():
    assert {*OURS, "benchmarks"} == {*PACKAGES, "celery_app"}
