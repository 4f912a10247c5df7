"""`python3 run.py bench`: the tutorial's pattern and ours, measured side by side. See benchmarks/."""

import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from benchmarks import report
from benchmarks.measures import Plan
from benchmarks.processes import Died


class Command(BaseCommand):
    help = "Measure the shop beside the tutorial's pattern (about five minutes)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", type=int, choices=(1, 2, 3), action="append", help="only this measurement")
        parser.add_argument("--rounds", type=int, help="turns for each side (default: 3)")
        parser.add_argument("--quick", action="store_true", help="a quick trial, not to be quoted")

    def handle(self, *args: Any, only: list[int] | None, rounds: int | None, quick: bool, **options: Any) -> None:
        plan = Plan.quick() if quick else Plan()
        if rounds is not None:
            if rounds < 1:
                raise CommandError("--rounds must be at least 1.")
            plan.rounds = rounds
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that SIGTERM stops the parts, too
        try:
            report.run(plan, set(only or (1, 2, 3)))
        except Died as died:
            raise CommandError(str(died)) from died
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
