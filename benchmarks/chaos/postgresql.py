"""A PostgreSQL of the lab's own, in a folder of its own: this machine's server is never touched."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.chaos.parts import Part
from benchmarks.processes import free_port

USER = "postgres"
FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
OPTIONS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200")
CARELESS = ("fsync=off",)  # files need not survive a power cut


def programs() -> Path | None:
    """Return the newest folder with PostgreSQL's programs, None where there is none."""
    known = [Path(path) for pattern in FOLDERS for path in glob(pattern)]
    if on_path := shutil.which("initdb"):
        known.append(Path(on_path).resolve().parent)
    found = [path for path in known if (path / "initdb").exists() and (path / "postgres").exists()]
    return max(found, key=lambda path: [int(n) for n in path.parent.name.split(".") if n.isdigit()], default=None)


class PostgreSQL(Part):
    """A server, which can be restarted, and asked whether somebody stands still inside a transaction."""

    def __init__(self, programs: Path, more: Sequence[str] = CARELESS) -> None:
        self.port = free_port()
        # PostgreSQL refuses to be run by root, and its own user must be able to reach the folder.
        self.folder = Path(tempfile.mkdtemp(prefix="pizza-lab-postgresql-"))
        data = self.folder / "data"
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, USER)
            user = {"user": USER, "group": USER, "extra_groups": []}
        where = ["-D", str(data), "-U", USER, "-A", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C"]
        subprocess.run([programs / "initdb", *where], check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **user)
        options = [word for option in (*OPTIONS, *more) for word in ("-c", option)]
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(self.port), *options]
        super().__init__("postgresql", command, self.is_up, user)

    @property
    def url(self) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/{USER}"

    def is_up(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    def end_quickly(self) -> None:
        """Close all connections and end. The lab's shop starts it again, as it does with whatever has ended."""
        if self.process is not None and not self.has_ended:
            self.process.child.send_signal(signal.SIGINT)

    def stop(self) -> None:
        self.end_quickly()
        super().stop()

    def is_held(self) -> bool:
        """Return whether a transaction waits for its client at this moment."""
        return bool(self.ask("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"))

    def ask(self, question: str) -> Any:
        with psycopg.connect(self.url, connect_timeout=3) as connection:
            row = connection.execute(question.encode()).fetchone()
        return row[0] if row else None
