"""What is in the table is counted somewhere, under that name."""

from pathlib import Path

import pytest
from django.conf import settings

from pizzaProj.tests.test_imports import PACKAGES
from telemetry.table import LEVELS, TABLE

SOURCES = "\n".join(
    path.read_text()
    for package in PACKAGES
    for path in Path(settings.BASE_DIR, package).rglob("*.py")
    if "tests" not in path.parts and path.name != "table.py"
)


@pytest.mark.parametrize("name", [*TABLE, *LEVELS])
def test_every_name_is_counted_somewhere(name: str) -> None:
    assert f'"{name}"' in SOURCES


def test_every_name_has_a_sentence() -> None:
    assert [name for name, one in {**TABLE, **LEVELS}.items() if not one.help.endswith(".")] == []
