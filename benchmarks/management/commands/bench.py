"""`python3 run.py bench`: this shop measured beside others. See benchmarks/."""

import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from benchmarks import report
from benchmarks.measurements import MEASUREMENTS
from benchmarks.plan import Plan
from benchmarks.processes import Died


class Command(BaseCommand):
    help = "Measure the shop beside the tutorial's pattern, other engines, and floors (about fifty minutes)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = ", ".join(MEASUREMENTS)
        parser.add_argument("--only", choices=MEASUREMENTS, metavar="NAME", action="append", help=f"one of {names}")
        parser.add_argument("--rounds", type=int, help="turns for each side (default: 5)")
        parser.add_argument("--quick", action="store_true", help="a quick trial, not to be quoted")
        evening = parser.add_argument_group("an evening (--only evening)")
        evening.add_argument("--minutes", type=float, help="how long it lasts (default: 10)")
        evening.add_argument("--per-second", type=float, help="orders (default: 15)")
        evening.add_argument("--pages", type=int, help="how many are open (default: 5000)")
        evening.add_argument("--webs", type=int, help="how many web processes (default: 2)")
        evening.add_argument("--workers", type=int, help="how many workers (default: 2)")
        parser.add_argument("--json", action="store_true", help="print everything as JSON")

    def handle(
        self, *args: Any, only: list[str] | None, rounds: int | None, quick: bool, json: bool, **options: Any
    ) -> None:
        plan = Plan.quick() if quick else Plan()
        if rounds is not None:
            if rounds < 1:
                raise CommandError("--rounds must be at least 1.")
            plan.rounds = rounds
        size_evening(plan, options)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that SIGTERM stops the parts, too
        try:
            report.run(plan, only or list(MEASUREMENTS), as_json=json)
        except Died as died:
            raise CommandError(str(died)) from died
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None


def size_evening(plan: Plan, asked: dict[str, Any]) -> None:
    """Change the size of the evening as it was asked for."""
    fields = {
        "per_second": "evening_per_second",
        "pages": "evening_pages",
        "webs": "evening_webs",
        "workers": "evening_workers",
        "minutes": "evening_seconds",
    }
    for name, field in fields.items():
        if (value := asked[name]) is None:
            continue
        if not value > 0:
            raise CommandError(f"--{name.replace('_', '-')} must be above 0.")
        setattr(plan, field, value * 60 if name == "minutes" else value)
