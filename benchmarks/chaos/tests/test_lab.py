"""The lab: its verdicts, its ways to make a process stand still, and short runs of both kinds of shop."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from benchmarks.chaos import faults, kills, lab, nginx, parts, postgresql, shops
from benchmarks.chaos.audit import Audit
from benchmarks.chaos.crowd import Answer, ask
from benchmarks.chaos.faults import Fault, Seen
from benchmarks.chaos.frozen import Result, Round
from benchmarks.chaos.parts import Part
from benchmarks.chaos.shops import Shop
from pizzaProj.tests.test_stack import NOT_OURS, on_linux

ORDERED, BUSY, BROKEN = (Answer("order", 0.0, seconds, status) for seconds, status in ((1, 201), (4.9, 503), (2, 500)))
LATE, NOBODY = Answer("page", 0.0, 5.1, 200), Answer("page", 0.0, 0.1, 0)


def a_round(meanwhile, afterwards=(ORDERED,), well_seconds=1.0, is_the_door=False):
    fault = Fault("the oven", nullcontext, is_the_door)
    return Round(fault, list(meanwhile), list(afterwards), well_seconds, "work was late")


# Verdicts


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (a_round([ORDERED, BUSY]), []),
        (a_round([ORDERED, LATE]), ["the oven: 1 of 3 answers took up to 5.1 s"]),
        (a_round([BROKEN, NOBODY, ORDERED]), ["the oven: 2 of 4 answers were [0, 500]"]),
        (a_round([BROKEN, NOBODY, LATE], is_the_door=True), []),
        (a_round([], [BROKEN, ORDERED], is_the_door=True), ["the oven: 1 of 2 answers were [500]"]),
        (a_round([], well_seconds=10.5), ["the oven: work was late until 10.5 s after its end"]),
    ],
)
def test_a_round_is_judged_by_the_bars(one, found):
    assert one.faults == found


def test_a_fault_can_have_a_bar_for_pages_and_problems_of_its_own():
    quick, slow, order = Answer("page", 0.0, 1.0, 200), Answer("page", 0.0, 1.1, 200), Answer("order", 0.0, 1.1, 201)
    fault = Fault("a flood", nullcontext, page_seconds=1.0)
    one = Round(fault, [quick, slow, order], [], 1.0, seen=Seen(problems=["a web had 700 MB"]))
    assert one.faults == ["a flood: a web had 700 MB", "a flood: 1 pages took up to 1.1 s"]


def test_a_fault_can_have_a_bar_of_its_own():
    fault = Fault("a blow", nullcontext, well_seconds=5.0)
    rounds = [Round(fault, [], [], seconds, "work was late") for seconds in (4.9, 5.1)]
    assert [one.faults for one in rounds] == [[], ["a blow: work was late until 5.1 s after its end"]]
    result = Result(rounds, Audit(), 1, {})
    assert "well within 5 s" in lab.summary(result)


def test_what_a_fault_leaves_to_do_is_done_after_it():
    fault = Fault("a flood", nullcontext, leaves_work=True)
    assert [Round(fault, [], [], seconds, "work was late").faults for seconds in (50.0, 60.1)] == [
        [],
        ["a flood: work was late until 60.1 s after its end"],
    ]


def test_a_short_run_judges_no_times():
    one = a_round([LATE, BROKEN], well_seconds=10.5)
    assert replace(one, judges_times=False).faults == ["the oven: 1 of 3 answers were [500]"]
    assert len(replace(one, judges_times=False, well_seconds=60.1).faults) == 2


def test_a_run_is_judged_by_all_that_was_seen():
    result = Result([a_round([LATE])], Audit(lost=["one is gone"]), 1, {"web-1": 2}, ["a page was wrong"])
    assert result.faults == ["the oven: 1 of 2 answers took up to 5.1 s", "one is gone", "a page was wrong"]
    assert "1 orders accepted: 1 lost" in lab.summary(result)
    assert lab.summary(result).endswith("Started again: web-1 2 times.")


def test_the_table_counts_what_came_back():
    assert lab.row(a_round([ORDERED, BUSY, BROKEN, NOBODY])) == ("the oven", "5", "2", "1", "1", "1", "4.9", "1.0")
    assert lab.row(a_round([NOBODY], is_the_door=True)) == (
        *("the oven", "1 (1)", "1 (0)", "0 (0)", "0 (0)", "0 (1)", "1.0 (0.1)", "1.0"),
    )


def test_an_unknown_fault_is_named_beside_those_there_are():
    assert [fault.name for fault in lab.chosen([Fault("web", nullcontext), Fault("beat", nullcontext)], "b")] == [
        *("web", "beat"),
    ]
    assert len(lab.chosen([Fault("web", nullcontext), Fault("web resets", nullcontext)], "web")) == 1
    with pytest.raises(ValueError, match=r"No fault is called “oven”. There are: web."):
        lab.chosen([Fault("web", nullcontext)], "oven")


# Processes


@pytest.fixture
def shell(tmp_path):
    """A process with two children."""
    part = Part("shell", ["sh", "-c", "sleep 60 & sleep 60 & wait"], lambda: len(part.pids()) == 3)
    part.start(tmp_path, dict(os.environ))
    part.wait()
    yield part
    part.stop()


def states(pids):
    listed = subprocess.run(["ps", "-o", "state=", "-p", ",".join(map(str, pids))], capture_output=True, text=True)
    return Counter(line.strip()[0] for line in listed.stdout.splitlines())


def test_a_process_stands_still_with_all_its_children_and_goes_on(shell):
    with parts.frozen(shell.pids):
        assert states(shell.pids()) == {"T": 3}
    assert states(shell.pids()) == {"S": 3}
    with parts.frozen(shell.first):
        assert states(shell.pids()) == {"T": 1, "S": 2}


def test_one_is_caught_with_the_lock(shell):
    """The second child holds it whenever it stands still."""
    _, holder = shell.children()
    with parts.frozen_with_a_lock(shell.children, lambda: states([holder]) == {"T": 1}):
        assert (states([holder]), states(shell.children())) == ({"T": 1}, {"T": 1, "S": 1})


def test_any_is_stopped_where_none_holds_the_lock(shell, monkeypatch):
    monkeypatch.setattr(parts, "CATCH_SECONDS", 0)
    with parts.frozen_with_a_lock(shell.children, lambda: False):
        assert states(shell.children()) == {"T": 1, "S": 1}


def test_what_was_killed_while_it_stood_still_is_no_trouble(shell):
    with parts.frozen(shell.pids):
        os.kill(shell.children()[0], signal.SIGKILL)
    assert shell.pids()


def test_a_part_that_stands_still_can_be_stopped(shell):
    stopped = parts.freeze(shell.pids)
    shell.stop()
    assert (shell.has_ended, parts.family(stopped[0])) == (True, [])


def test_something_is_repeated_until_the_end():
    acts = []
    with faults.repeated(lambda: acts.append(1), (0.0, 0.0)):
        while len(acts) < 3:
            pass
    before = len(acts)
    assert before >= 3 and len(acts) == before


class Sleepers(Shop):
    """A shop of two processes that do nothing."""

    def __init__(self, folder):
        super().__init__(folder, 8000, 60.0)
        self.parts = [Part(name, ["sleep", "60"], lambda: True) for name in ("cook", "waiter")]

    def mortal(self):
        return {part.name: part.pids for part in self.parts}

    def is_the_door(self, names):
        return "waiter" in names

    def is_up(self):
        return not any(part.has_ended for part in self.parts)


def test_a_blow_is_over_when_what_was_killed_is_up_again(tmp_path, monkeypatch):
    monkeypatch.setattr(shops, "AGAIN_SECONDS", 0)
    shop = Sleepers(tmp_path)
    for part in shop.parts:
        shop.start(part)
    cook, waiter = (part.first() for part in shop.parts)
    blow = kills.blow(shop, ["cook"])
    assert (blow.name, blow.is_the_door, blow.is_a_moment) == ("cook", False, True)
    with blow.begin():
        shop.parts[0].process.child.wait(timeout=10)
        assert not shop.is_up()
    assert shop.is_up() and shop.restarts == {"cook": 1}
    assert shop.parts[0].first() != cook and shop.parts[1].first() == waiter
    shop.close()


def test_a_part_that_does_not_return_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "UP_SECONDS", 0.2)
    shop = Sleepers(tmp_path)
    for part in shop.parts:
        shop.start(part)
    monkeypatch.setattr(shop, "keep", lambda: None)
    with kills.blow(shop, ["cook"]).begin() as seen:
        pass
    assert seen.problems == ["after 0.2 s cook was not up again"]
    shop.close()


def test_every_part_falls_twice_and_the_only_door_with_it(tmp_path):
    faults = kills.faults(Sleepers(tmp_path))
    fallen = Counter(name for fault in faults for name in fault.name.split(" + "))
    assert fallen == {"cook": 2, "waiter": 2}
    assert all(fault.is_the_door == ("waiter" in fault.name) for fault in faults)


# Requests


def test_every_request_is_timed_also_one_that_nobody_answers():
    class Shop(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b"busy")

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        answer, body = ask("page", server.server_port, 10.0, "GET", "/")
        server.shutdown()
    assert (answer.what, answer.status, body) == ("page", 503, b"busy")
    answer, body = ask("order", server.server_port, 10.0, "GET", "/")
    assert (answer.what, answer.status, body) == ("order", 0, b"")


def test_nobody_is_told_that_its_shop_is_not_well(tmp_path, monkeypatch):
    for name in ("ALARM_URL", "ALARM_EMAIL"):
        monkeypatch.setenv(name, "https://hooks.example/1")
    shop = Shop(tmp_path, 8000, 60.0)
    assert not shop.environment.keys() & {"ALARM_URL", "ALARM_EMAIL"}


# Whole runs


def run(*options):
    env = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "chaos", *options]
    return subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(400)
@on_linux
@pytest.mark.parametrize(("topology", "part"), [("embedded", "beat"), ("server", "web-2")])
def test_a_shop_bears_a_part_that_stands_still(topology, part):
    if topology == "server" and not (nginx.program() and postgresql.programs()):
        pytest.skip("nginx or PostgreSQL is not installed.")
    ran = run("--frozen", "--topology", topology, "--short", "--only", part)
    assert ran.returncode == 0, ran.stdout
    assert f"fault {part}, requests" in ran.stdout
    assert "0 lost, 0 doubled, 0 stuck, 0 with a wrong history, 0 times too many" in ran.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
@on_linux
def test_a_shop_bears_a_flood_of_log_ins():
    ran = run("--flood", "--short", "--only", "log-ins")
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"log-ins: \d+ x \d+", ran.stdout)
    assert "0 lost, 0 doubled, 0 stuck, 0 with a wrong history, 0 times too many" in ran.stdout


@pytest.mark.parametrize("words", [["--topology", "server"], ["--seconds", "5"], ["--only", "web"]])
def test_what_belongs_to_a_lab_needs_one(words):
    with pytest.raises(CommandError, match=f"{words[0]} goes with one of: --killed, --frozen"):
        call_command("chaos", *words)


@pytest.mark.parametrize("words", [["--topology", "moon"], ["--seconds", "0"]])
def test_nonsense_is_refused(words):
    with pytest.raises(CommandError, match=words[0]):
        call_command("chaos", "--frozen", *words)
