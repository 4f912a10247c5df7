"""`python3 run.py chaos`: kill the parts of a shop while it works, and see whether anything is lost."""

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import replace
from operator import methodcaller
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from rich.console import Console
from rich.table import Table

from benchmarks import databases
from benchmarks.chaos import clocks as wrong_clocks
from benchmarks.chaos import frozen, kills, lab, overload
from benchmarks.chaos.chaos import KINDS, MORE_PLACES, Chaos, Plan, Result
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.shops import NOT_FOR_IT, Shop
from benchmarks.floods import faults as floods
from benchmarks.processes import Died
from benchmarks.soak import faults as soaks
from pizzaProj.management.commands.stack import refuse_taken_port, say
from pizzaProj.supervision.supervisor import Broken, Stopped, end_with_parent
from shop_options import port_number, speed

INSIDE = "CHAOS_INSIDE"  # set for the process that does it, whose data folder belongs to no shop
SHORT = Plan(orders=60, kills=1, judges_times=False)
SOAK = frozen.Plan(seconds=soaks.SECONDS, per_second=soaks.PER_SECOND)
LABS: dict[str, Callable[[Shop], list[Fault]]] = {
    "killed": kills.faults,
    "frozen": methodcaller("faults"),
    "clocks": wrong_clocks.faults,
    "flood": floods.faults,
    "soak": soaks.faults,
}
OF_LABS = ("topology", "seconds", "only")
COLUMNS = ("killed", "times", "answers again after, s", "recovered after, s", "pages caught up after, s")
STOPPED = 130


class Command(BaseCommand):
    help = "Kill worker, beat, web and Valkey of a separate shop at random, and check that nothing is lost."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--orders", type=whole, metavar="N", help="the number of orders (default: 1000)")
        parser.add_argument("--kills", type=whole, metavar="N", help="kills of each kind of part (default: 10)")
        parser.add_argument("--seed", type=int, metavar="N", help="decides what is killed when (default: 1)")
        parser.add_argument("--speed", type=speed, metavar="X", help="kitchen seconds per second (default: 3000)")
        parser.add_argument("--port", type=port_number, metavar="N", help="the port of its shop (default: 8000)")
        parser.add_argument(
            "--short", action="store_true", help="60 orders, one kill of each kind, 2 s each; judges no times"
        )
        parser.add_argument(
            "--postgresql",
            action="store_true",
            help="use a new database on the PostgreSQL at 127.0.0.1:5432 (user postgres) instead of SQLite",
        )
        parser.add_argument(
            "--overload", action="store_true", help="instead: run no worker while all orders fall due (default: 5000)"
        )
        parser.add_argument("--killed", action="store_true", help="instead: kill the parts of either topology")
        parser.add_argument("--frozen", action="store_true", help="instead: stop one part after the other for a while")
        parser.add_argument("--clocks", action="store_true", help="instead: set the clocks back, forward, or apart")
        parser.add_argument("--flood", action="store_true", help="instead: let fifty hostile visitors flood it")
        parser.add_argument("--soak", action="store_true", help="instead: work for 20 minutes; what grows?")
        parser.add_argument("--topology", choices=lab.TOPOLOGIES, help="whose parts (default: embedded)")
        parser.add_argument("--seconds", type=whole, metavar="N", help="how long each fault lasts (default: 30)")
        parser.add_argument("--only", metavar="WORD", help="the faults with this word in their name alone")

    def handle(self, *args: Any, short: bool, overload: bool, postgresql: bool, **options: Any) -> None:
        if any(options[name] for name in LABS):
            end_with(report_lab(short, **options))
            return
        for name in OF_LABS:
            if options[name]:
                raise CommandError(f"--{name} goes with one of: {', '.join(f'--{lab}' for lab in LABS)}.")
        given = {name: options[name] for name in ("orders", "kills", "seed", "speed", "port") if options[name]}
        plan = replace(SHORT if short else Plan(orders=5000) if overload else Plan(), **given)
        if INSIDE not in os.environ:
            if not overload:  # which starts no web server
                refuse_taken_port(plan.port)
            sys.exit(in_a_folder_of_its_own(new_database() if postgresql else None))
        try:
            faults = report_overload(plan) if overload else report_chaos(plan)
        except Stopped:
            raise CommandError("Stopped.", returncode=STOPPED) from None
        except Broken as broken:
            raise CommandError(str(broken)) from broken
        end_with(faults)


def end_with(faults: list[str]) -> None:
    if faults:
        raise CommandError("\n".join(faults[:50]))


def whole(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise ArgumentTypeError(f"'{text}' is not valid: choose a whole number above 0.")


def new_database() -> str:
    """Create a database on this machine's PostgreSQL and return its name."""
    name = f"pizza_chaos_{os.getpid()}"
    if databases.machines() is None:
        raise CommandError("No PostgreSQL answers at 127.0.0.1:5432 for the user postgres.")
    databases.Server().create(name)
    return name


def in_a_folder_of_its_own(database: str | None) -> int:
    """Run the command in a new process, as settings fix data folder and database. Both are kept if it went wrong."""
    folder = tempfile.mkdtemp(prefix="pizza-chaos-")
    ours = {name: value for name, value in os.environ.items() if name not in NOT_FOR_IT}
    if database:
        ours["DATABASE_URL"] = databases.Server().url(database)
    process = subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *sys.argv[1:]],
        env={**ours, "DATA_DIR": folder, INSIDE: "1"},
        preexec_fn=end_with_parent(os.getpid()),
    )
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C: the child gets it too, and needs a moment
    code = process.wait()
    if code in (0, STOPPED):
        shutil.rmtree(folder, ignore_errors=True)
        if database:
            databases.Server().drop(database)
    else:
        where = f"{folder} and in the database {database}" if database else folder
        print(f"Logs and data are kept in {where}", file=sys.stderr)
    return code


# The report


def report_chaos(plan: Plan) -> list[str]:
    print(
        f"{plan.orders} orders at {plan.speed:g} x on {connection.display_name}, seed {plan.seed}; "
        f"{plan.kills} kills each of {', '.join(KINDS)}; the stations have {MORE_PLACES} times their usual places.",
        flush=True,
    )
    result = Chaos(plan).run()
    show(COLUMNS, rows(result))
    print(
        f"{result.orders} orders accepted in {result.seconds:.0f} s ({result.retries} requests were sent again, "
        f"{result.doubled_messages} messages doubled): {result.audit.sentence} "
        f"The last page showed the end after {result.pages_end_seconds:.1f} s."
    )
    return result.faults


def rows(result: Result) -> list[tuple[str, ...]]:
    """Return a line for each kind of part, alone or with another; seconds as median and worst."""
    lines = []
    for kind in KINDS:
        rounds = [one for one in result.rounds if kind in one.kinds]
        seconds = zip(*((r.back_seconds, r.recovery_seconds, r.pages_seconds) for r in rounds), strict=True)
        lines.append((kind, str(len(rounds)), *(f"{statistics.median(s):.1f} / {max(s):.1f}" for s in seconds)))
    return lines


def report_overload(plan: Plan) -> list[str]:
    print(f"{plan.orders} orders fall due at {plan.speed:g} x, and there is no worker.", flush=True)
    found = overload.overload(plan)
    slowest = max(found.sweeps, default=0.0)
    show(
        ("orders", "delivered", "after, s", "executions for each due stage", "sweeps", "longest sweep, s"),
        [
            (
                str(found.orders),
                str(found.delivered),
                f"{found.seconds:.1f}",
                f"{found.executions_a_stage:.2f}",
                str(len(found.sweeps)),
                f"{slowest:.2f}",
            )
        ],
    )
    return found.faults


def report_lab(short: bool, topology: str | None, only: str | None, **options: Any) -> list[str]:
    given = {name: options[name] for name in ("seconds", "seed") if options[name]}
    usual = SOAK if options["soak"] else frozen.Plan()
    plan = replace(replace(usual, seconds=2, judges_times=False) if short else usual, **given)
    try:
        find = next(LABS[name] for name in LABS if options[name])
        result = lab.run(topology or "embedded", find, plan, say, options["port"], options["speed"], only or "")
    except KeyboardInterrupt:
        raise CommandError("Stopped.", returncode=STOPPED) from None
    except (Died, ValueError) as error:
        raise CommandError(str(error)) from error
    show(lab.COLUMNS, lab.rows(result))
    print(lab.summary(result))
    if options["flood"]:
        print(floods.ratios(result))
    return result.faults


def show(columns: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    """Print a table in a terminal, plain lines elsewhere."""
    if sys.stdout.isatty():
        table = Table(*columns)
        for line in lines:
            table.add_row(*line)
        Console().print(table)
        return
    for line in lines:
        print(", ".join(f"{column} {cell}" for column, cell in zip(columns, line, strict=True)), flush=True)
