"""The shop of a run, as `python3 run.py` opens it, in a folder that is gone afterwards."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import ROOT, Process, free_port, running

NOT_FOR_IT = (
    *("REDIS_URL", "LIVE_REDIS_URLS", "DATABASE_URL", "MEDIA_ROOT"),
    *("DEBUG", "HTTPS", "ALLOWED_HOSTS", "ALARM_URL", "ALARM_EMAIL"),
)
ANSWER_SECONDS = 5


class Shop(NamedTuple):
    url: str
    session: str  # of somebody who sees the board
    order: str  # the path of an order's page


@contextmanager
def opened(orders: int) -> Iterator[Shop]:
    """Open a demo shop with so many orders in its kitchen. Its clock is a real shop's, so they stay there."""
    with tempfile.TemporaryDirectory(prefix="pizza-pages-") as name:
        folder, port = Path(name), free_port()
        ours = {key: value for key, value in os.environ.items() if key not in NOT_FOR_IT}
        environment = {**ours, "DATA_DIR": str(folder / "data")}
        url = f"http://127.0.0.1:{port}/"
        manage = [sys.executable, str(ROOT / "manage.py")]
        for furnish in (["migrate", "--verbosity", "0"], ["seed", "--url", url]):  # as long as the pictures take
            subprocess.run([*manage, *furnish], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
        command = [*manage, "stack", "--port", str(port), "--speed", "1"]
        with running(Process(command, folder / "stack.log", environment)) as stack:
            stack.wait_until(lambda: answers(url))
            crowd = [sys.executable, "-m", "benchmarks.pages.crowd", str(orders)]
            told = subprocess.run(crowd, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True)
            yield Shop(url, **json.loads(told.stdout.splitlines()[-1]))


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}readyz", timeout=ANSWER_SECONDS) as answer:
            return bool(json.load(answer)["ready"])
    except (OSError, ValueError):
        return False
