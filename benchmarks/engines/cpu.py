"""Processor time of processes, read from /proc."""

import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PARENT, OWN_AND_ENDED_CHILDREN = 1, slice(11, 15)  # fields of /proc/PID/stat behind the name: utime to cstime


def is_readable() -> bool:
    """Return whether this system says what its processes used. macOS has no such files."""
    return (PROC / "self/stat").exists()


def seconds(roots: Iterable[int]) -> float:
    """Return what processes have used, with all that come from them, also those that have ended."""
    return sum(families(roots).values()) / TICKS


def families(roots: Iterable[int]) -> dict[int, int]:
    """Return {pid: ticks} of these processes and all that come from them."""
    used, children = {}, defaultdict(list)
    for pid, parent, ticks in listed():
        used[pid] = ticks
        children[parent].append(pid)
    found = [pid for pid in roots if pid in used]
    for pid in found:
        found += children[pid]
    return {pid: used[pid] for pid in found}


def listed() -> Iterable[tuple[int, int, int]]:
    """Yield (pid, parent, ticks) of all processes, none where these files are missing."""
    for folder in PROC.iterdir() if is_readable() else ():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                # The name stands in brackets and can contain anything.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                yield int(folder.name), int(fields[PARENT]), sum(map(int, fields[OWN_AND_ENDED_CHILDREN]))


def resident_bytes(roots: Iterable[int]) -> int:
    """Return the memory that these processes, and all that come from them, have resident."""
    pages = (int((PROC / str(pid) / "statm").read_text().split()[1]) for pid in families(roots))
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def parent_of(child: int) -> int | None:
    """Return the parent of one of PostgreSQL's processes. None if it is in another container, or can't be read."""
    for pid, parent, _ in listed():
        if pid == child and "postgres" in (PROC / str(pid) / "comm").read_text():
            return parent
    return None
