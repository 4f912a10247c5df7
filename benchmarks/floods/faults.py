"""Each kind of flood as something that the lab lets a shop suffer, and what it costs everybody else."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.chaos.faults import Fault, Seen, repeated
from benchmarks.chaos.frozen import Result, Round
from benchmarks.chaos.shops import Shop
from benchmarks.floods.hostile import KINDS, PATIENCE_SECONDS, ROOM
from benchmarks.processes import ROOT
from pizzaProj.logs.lines import is_news

PAGE_SECONDS = 1.0  # the bar for everybody else's pages
MOST_MB = 600.0  # that for each web's memory
MOST_LINES = 50  # of the log, all parts together
LOOK_SECONDS = 0.1  # between two looks at the memory
TALK_SECONDS = 120.0  # at most, to fill the room
QUIET = "quiet"
TOGETHER = "all together"
TALK = f"""
from django.utils import timezone
from django.contrib.auth.models import User
from chat import messages, rooms
from chat.person import person
room, speaker = rooms.public_room("{ROOM}"), person(User.objects.create_user("speaker"))
for number in range(300):
    messages.post(room.pk, speaker, f"{{number}} " + "long " * 350, None, timezone.now())
"""


def faults(shop: Shop) -> list[Fault]:
    """Return a quiet while, each kind of flood, and all kinds at the same time."""
    talk(shop)
    floods = {kind: [kind] for kind in KINDS} | {TOGETHER: list(KINDS)}
    return [
        Fault(QUIET, partial(watched, shop), page_seconds=PAGE_SECONDS),
        *(flood(shop, name, kinds) for name, kinds in floods.items()),
    ]


def flood(shop: Shop, name: str, kinds: list[str]) -> Fault:
    """Return a flood. Orders that were accepted are cooked after it, however long that takes."""
    leaves_work = "orders" in kinds
    return Fault(name, partial(flooded, shop, kinds), page_seconds=PAGE_SECONDS, leaves_work=leaves_work)


def talk(shop: Shop) -> None:
    """Fill a room with messages, so that there is something to ask for."""
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "-c", TALK]
    subprocess.run(command, env=shop.environment, check=True, timeout=TALK_SECONDS)


@contextmanager
def flooded(shop: Shop, kinds: list[str]) -> Iterator[Seen]:
    """Let visitors flood the shop, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.floods.hostile", str(shop.port), *kinds]
    pipe = subprocess.PIPE
    with watched(shop) as seen, subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as hostile:
        yield seen
        ended = json.loads(hostile.communicate(timeout=2 * PATIENCE_SECONDS)[0])  # which ends its input
        answers = ended["answers"]
        seen.accepted |= ended["accepted"]
        seen.notes += [told(kind, counts) for kind, counts in answers.items()]
        broken = {answer for counts in answers.values() for answer in counts if is_ours(answer)}
        seen.problems += [f"some were answered {answer}" for answer in sorted(broken)]


def is_ours(answer: str) -> bool:
    """Return whether a status or a close code says that the shop itself has failed."""
    return answer == "1011" or (answer.startswith("5") and answer != "503")


def told(kind: str, counts: dict[str, int]) -> str:
    return f"{kind}: " + (", ".join(f"{count} x {answer}" for answer, count in counts.items()) or "no answer")


@contextmanager
def watched(shop: Shop) -> Iterator[Seen]:
    """Watch the memory of the webs, and the log."""
    seen, most, before = Seen(), [0.0], logs_of(shop)

    def look() -> None:
        most[0] = max(most[0], *map(memory_mb, shop.webs()))

    with repeated(look, (LOOK_SECONDS, LOOK_SECONDS)):
        yield seen
    grown = [text[len(before.get(path, "")) :] for path, text in logs_of(shop).items()]
    lines = [line for text in grown for line in text.splitlines() if not is_news(line)]
    seen.notes.append(f"at most {most[0]:.0f} MB, {len(lines)} lines of log")
    if most[0] > MOST_MB:
        seen.problems.append(f"a web had {most[0]:.0f} MB")
    if len(lines) > MOST_LINES or any("Traceback" in line for line in lines):
        seen.problems.append(f"the log has {len(lines)} lines, such as {lines[:3]}")


def logs_of(shop: Shop) -> dict[Path, str]:
    return {path: path.read_text(errors="replace") for path in shop.logs.glob("*.log")}


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process; 0 where there is no /proc."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def ratios(result: Result) -> str:
    """Say how much longer a page took in each flood than in the quiet shop, in the median."""
    took = {one.fault.name: page_seconds(one) for one in result.rounds}
    quiet = took.pop(QUIET, 0.0)
    if not quiet:
        return ""
    said = ", ".join(f"{name} {seconds / quiet:.1f} x" for name, seconds in took.items())
    return f"A page took {quiet * 1000:.0f} ms in the quiet shop (median). In the floods: {said}."


def page_seconds(one: Round) -> float:
    took = [answer.seconds for answer in one.meanwhile if answer.what == "page"]
    return median(took) if took else 0.0
