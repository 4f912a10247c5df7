"""`python3 run.py simulate SPEC.json`: the simulator for scripts. simulation/reader.py describes the spec."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kitchen.planner.limits import EXIT_USAGE, bar, refuse_hours, seconds
from simulation.pace import OutOfTime, expected_seconds, run
from simulation.simulator import SpecError, read_spec


class Command(BaseCommand):
    help = "Simulate a kitchen: read a spec (JSON), print the result (JSON). Needs no database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("spec", metavar="SPEC.json", help="the file with the spec, or - for standard input")
        parser.add_argument("--yes", action="store_true", help="run it however long it takes")
        parser.add_argument("--seconds", type=seconds, metavar="N", help="answer in this time, with what was done")

    def handle(self, *args: Any, spec: str, yes: bool, seconds: float | None, **options: Any) -> None:
        try:
            asked = read_spec(json.loads(_read(spec)))
        except SpecError as wrong:
            raise CommandError(str(wrong), returncode=EXIT_USAGE) from None
        except (ValueError, RecursionError) as wrong:  # raised by json for what is not JSON or not text
            raise CommandError(f"The spec is not JSON: {_line(wrong)}", returncode=EXIT_USAGE) from None
        except OSError as wrong:
            raise CommandError(f"Can't read {spec}: {_line(wrong)}", returncode=EXIT_USAGE) from None
        if not yes and seconds is None:
            refuse_hours(expected_seconds(asked))
        try:
            with bar() as tell:
                result = run(asked, seconds, tell)
        except OutOfTime as late:
            raise CommandError(str(late), returncode=EXIT_USAGE) from None
        self.stdout.write(json.dumps(result.as_dict(), allow_nan=False))


def _read(spec: str) -> bytes:
    return sys.stdin.buffer.read() if spec == "-" else Path(spec).read_bytes()


def _line(wrong: Exception) -> str:
    return " ".join(str(wrong).split())
