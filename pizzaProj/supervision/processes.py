"""What the kernel tells of processes. Only Linux does; elsewhere nothing is known."""

from dataclasses import dataclass
from pathlib import Path

STOPPED = "T"  # by SIGSTOP
ON_THE_DISK = "D"  # waits for a disk


@dataclass(frozen=True)
class Sight:
    """How a process looked at one moment."""

    state: str
    group: int
    ticks: int  # of the CPU that it has used


def look_at(pid: int) -> Sight | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, _, group, *rest = text.rpartition(")")[2].split()  # the name before it can contain anything
    return Sight(state, int(group), int(rest[8]) + int(rest[9]))


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
