"""The engines beside each other on one database, in turn: A B C A B C.

In its turn an engine has the machine to itself: its processes are started, and stopped behind it.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.databases import Server, database
from benchmarks.engines import cpu, environment, shops
from benchmarks.engines.engine import Engine
from benchmarks.engines.floors import BareSql, NoOp
from benchmarks.engines.rivals import Dbos, Procrastinate, Rival
from benchmarks.processes import Helper
from benchmarks.rows import Figures, Row, of_cpu, of_speed
from benchmarks.sides import Side, prepared
from benchmarks.sitting import Sitting

Driven = tuple[Side, Helper]

OF_TUTORIAL, OF_DURABLE, OF_NOTHING = 4.0, 1.5, 0.5


def on_postgresql(sitting: Sitting) -> None:
    """Compare all engines on PostgreSQL."""
    server = sitting.postgresql
    if server is None:
        sitting.say("There is no PostgreSQL, neither installed nor at 127.0.0.1:5432: not measured.")
        return
    with prepared(server, sitting.folder, sitting.valkey_socket) as ((our_side, driver), tutorial):
        engines = engines_of_all(sitting, (our_side, driver), tutorial)
        engines += rivals(server, sitting)
        engines.append(BareSql(sitting.folder / "sql", our_side.database_url, driver))
        compare(sitting, "PostgreSQL", server, engines)


def on_sqlite(sitting: Sitting) -> None:
    """Compare the engines that run on SQLite."""
    with prepared(None, sitting.folder, sitting.valkey_socket) as (ours, tutorial):
        compare(sitting, "SQLite", None, engines_of_all(sitting, ours, tutorial))


def engines_of_all(sitting: Sitting, ours: Driven, tutorial: Driven) -> list[Engine]:
    """Return those that run on any database."""
    nothing = sitting.stack.enter_context(NoOp(sitting.folder / "nothing", sitting.valkey_socket).prepared())
    return [*shops.ours(*ours, sitting.plan.several), shops.tutorial(*tutorial), nothing]


def rivals(server: Server, sitting: Sitting) -> list[Engine]:
    if sitting.rivals is None:
        return []
    python, versions = sitting.rivals, environment.versions(sitting.rivals)

    def where(name: str) -> tuple[Path, str, Path]:
        """Return the rival's Python, a database of its own, and a folder for its logs."""
        return python, sitting.stack.enter_context(database(server, name, sitting.folder)), sitting.folder / name

    found: list[Rival] = [
        Dbos(*where("dbos_1"), versions["dbos"], processes=1),
        Dbos(*where("dbos_2"), versions["dbos"], processes=2),
        Procrastinate(*where("procrastinate"), versions["procrastinate"]),
    ]
    return [sitting.stack.enter_context(rival.prepared()) for rival in found]


def compare(sitting: Sitting, name: str, server: Server | None, engines: Sequence[Engine]) -> None:
    all_figures = {engine.name: Figures(engine.name, name) for engine in engines}
    for number in range(1, sitting.plan.rounds + 1):
        for engine in engines:
            figures = all_figures[engine.name]
            take_turn(sitting, server, engine, figures)
            sitting.say(f"  {number}. {engine.name}: {figures.per_second[-1]:.0f} changes/s")
    sitting.figures += all_figures.values()
    durable = [all_figures[engine.name] for engine in engines if isinstance(engine, Rival)]
    sitting.rows += bars(all_figures, durable)


def take_turn(sitting: Sitting, server: Server | None, engine: Engine, figures: Figures) -> None:
    with engine.at_work() as own:
        engine.place(sitting.plan.warm_up_orders)
        engine.cook()
        engine.place(sitting.plan.orders)
        pids = [*own, *sitting.servers(server)]
        cpu_before = cpu.seconds(pids)
        done = engine.cook()
        cpu_seconds = cpu.seconds(pids) - cpu_before + done.sending_cpu_seconds
    figures.per_second.append(done.changes / done.seconds)
    if cpu.is_readable():
        figures.cpu_ms.append(cpu_seconds * 1000 / done.changes)


def bars(figures: dict[str, Figures], durable: Sequence[Figures]) -> list[Row]:
    """Return what is asked of our shop, and how it compares."""
    ours, tutorial = figures["ours"], figures["tutorial"]
    wide, nothing = figures["ours, a place for everybody"], figures[NoOp.name]
    others = [(tutorial, OF_TUTORIAL), (nothing, OF_NOTHING)]
    if durable:
        others.insert(1, (max(durable, key=lambda each: median(each.per_second)), OF_DURABLE))
    rows = [of_speed(ours, other, at_least) for other, at_least in others]
    rows.append(of_speed(wide, tutorial, OF_TUTORIAL))
    if cpu.is_readable():
        rows += [of_cpu(ours, other) for other, _ in others]
    return rows
