"""Caches are bounded, because a process runs for months."""

import gc
import importlib
import pkgutil
from functools import _lru_cache_wrapper

from pizzaProj.logs.levels import OURS

FEW_KEYS = {
    "home.models.order_address",  # no arguments
    "home.rows.Rows._converters_of",  # the database vendor
    "home.rows.Rows._insert_sql",  # no arguments
    "home.rows.Rows._update_sql",  # the tuples of columns that the code names
    "home.rows._together_sql",  # how many rows of which of three models, MOST_TOGETHER at most
    "kitchen.promises.state.rows_sql",  # how many stations work on items
}


def is_tests(name: str) -> bool:
    return ".tests" in name or ".migrations" in name


def caches() -> list[_lru_cache_wrapper]:
    """Find all caches of functions and methods in our modules."""
    for name in OURS:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
            if not is_tests(module.name):
                importlib.import_module(module.name)
    gc.unfreeze()  # pizzaProj.asgi has set aside what there was
    # Not isinstance, which would evaluate lazy objects left behind by other tests.
    kept = [one for one in gc.get_objects() if type(one) is _lru_cache_wrapper]
    return [one for one in kept if one.__module__.split(".")[0] in OURS and not is_tests(one.__module__)]


def test_every_cache_is_bounded_or_has_few_keys() -> None:
    found = caches()
    assert len(found) >= 5
    unbounded = [one for one in found if one.cache_parameters()["maxsize"] is None]
    assert {f"{one.__module__}.{one.__qualname__}" for one in unbounded} == FEW_KEYS
