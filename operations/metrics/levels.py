"""What each process is asked for about itself when it tells its levels (telemetry.levels)."""

from django.db import connection

from kitchen import clock
from pizzaProj.version import VERSION
from telemetry.levels import Reading, levels
from telemetry.sending import sender


def tell() -> None:
    levels.ask("shop_processes", lambda: {(sender.kind, VERSION): 1.0})
    levels.ask("shop_clock_offset_seconds", clock.offset_seconds)
    levels.ask("shop_pool_connections", connections_of_pool)
    levels.ask("shop_pool_waiting", lambda: float(stats().get("requests_waiting", 0)))


def connections_of_pool() -> Reading:
    found = stats()
    free, size = found.get("pool_available", 0), found.get("pool_size", 0)
    return {("free",): float(free), ("taken",): float(size - free)}


def stats() -> dict[str, int]:
    """Return the figures of this process's pool; none if it has no pool, or has not opened it."""
    pool = getattr(connection, "_connection_pools", {}).get(connection.alias)
    return dict(pool.get_stats()) if pool is not None else {}
