"""The health check of a container: `python operations/health.py web`. It ends what has hung for long.

Docker restarts a container that has ended, and never one that is unhealthy. So the last of several failures in a row
ends the container's main process; its init ends then, and the restart policy brings the container back. Nobody gets
Docker's socket for that. What is only slow, has just begun, or waits for another part, is left alone.

Standard library only: it is started every few seconds.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

INITS = ("docker-init", "tini", "catatonit", "podman-init")  # what `init: true` makes process 1
FAILURES = 3  # in a row
ANSWER_SECONDS = 8.0  # for the web's answer
START_SECONDS = 60.0  # for which a process that has just begun is not ended
# Without a sign of life: a worker gives one every 2 s, also while it looks for its broker (pizzaProj.alive). A round
# of beat's can take as long as all its queries, each of 8 s, if the database stands still.
SILENT_SECONDS = {"worker": 30.0, "beat": 90.0}


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    trouble = ask_web(options) if options.part == "web" else look_at_sign(options)
    failures = options.folder / f"{options.part}.failures"
    if not trouble:
        failures.unlink(missing_ok=True)
        return 0
    print(trouble)
    count_and_end(options, failures)
    return 1


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Look whether a part of the shop is well, and end it if it hangs.")
    parser.add_argument("part", choices=("web", "worker", "beat"))
    parser.add_argument("--port", type=int, default=8000, help="of the web")
    parser.add_argument("--folder", type=Path, default=Path(os.environ.get("DATA_DIR", "var")), help="of the data")
    parser.add_argument("--init", type=int, default=1, metavar="PID", help="the parent of what is to be ended")
    for name, default in (("answer", ANSWER_SECONDS), ("start", START_SECONDS)):
        parser.add_argument(f"--{name}-seconds", type=float, default=default, help=f"(default: {default:g})")
    return parser


# Is it well?


def ask_web(options: argparse.Namespace) -> str:
    """Ask it directly. urllib would ask a proxy that the environment names, as Docker's own settings can make it."""
    line = HTTPConnection("127.0.0.1", options.port, timeout=options.answer_seconds)
    try:
        line.request("GET", "/healthz")
        status = line.getresponse().status
    except (OSError, HTTPException) as error:
        return f"The web does not answer: {error}"
    finally:
        line.close()
    return "" if status == 200 else f"The web answers with {status}."


def look_at_sign(options: argparse.Namespace) -> str:
    """Look at the file that worker and beat touch. None of other parts' troubles makes it old."""
    try:
        seconds = time.time() - (options.folder / f"{options.part}.alive").stat().st_mtime
    except FileNotFoundError:
        return f"There is no sign of life of {options.part} yet."
    # Ahead: the clock was set back since. It is touched again within seconds.
    return f"The last sign of life was {seconds:.0f} s ago." if seconds > SILENT_SECONDS[options.part] else ""


# If it is not


def count_and_end(options: argparse.Namespace, failures: Path) -> None:
    """Count one failure more of the same processes, and end these if it is one too many."""
    found = to_be_ended(options.init)
    if not found or min(map(age_seconds, found)) < options.start_seconds:
        return
    family = " ".join(map(str, found))
    count = 1 + count_of(failures, family)
    if count < FAILURES:
        failures.write_text(f"{family}: {count}")
    else:
        failures.unlink()
        end(found)


def count_of(failures: Path, family: str) -> int:
    """Return how often in a row these processes have failed."""
    before, _, count = failures.read_text().rpartition(": ") if failures.exists() else ("", "", "")
    return int(count) if before == family else 0


def to_be_ended(init: int) -> list[int]:
    """Return the children of the container's init: its main process. Outside of a container there are none."""
    if init == 1 and name_of(1) not in INITS:
        print("Nothing is ended: process 1 is no container's init.")
        return []
    return children_of(init)


def end(processes: list[int]) -> None:
    """End them at once. What hangs hears no other signal."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            print(f"Process {process} was ended.")


# What the kernel says of processes


def name_of(process: int) -> str:
    return read(process, "comm", str.strip)


def children_of(process: int) -> list[int]:
    text = read(process, f"task/{process}/children", str.strip)
    return [int(child) for child in text.split()]


def age_seconds(process: int) -> float:
    fields = read(process, "stat", lambda text: text.rpartition(")")[2]).split()
    if not fields:
        return 0.0
    began = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # after the start of the machine
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def read(process: int, name: str, of: Callable[[str], str]) -> str:
    try:
        return of(Path(f"/proc/{process}/{name}").read_text())
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
