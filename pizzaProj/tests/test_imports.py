"""Imports between modules: each contract in pyproject.toml is red when it is broken, and there is no cycle."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
PACKAGES: list[str] = LINTER["root_packages"]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# contract, the file that breaks it, the import, and what the linter must say
BROKEN = [
    ("simulation", "simulation/extra.py", "import django", "simulation.extra -> django"),
    ("simulation", "simulation/extra.py", "from kitchen import stages", "simulation.extra -> kitchen.stages"),
    ("accounts", "accounts/extra.py", "from home.models import Order", "accounts.extra -> home.models"),
    ("accounts", "accounts/extra.py", "from realtime import sockets", "accounts.extra -> realtime.sockets"),
    ("realtime", "realtime/extra.py", "from home import live", "realtime.extra -> home.live"),
    ("realtime", "realtime/extra.py", "from accounts import people", "realtime.extra -> accounts.people"),
    ("realtime", "realtime/identities.py", "from accounts import models", "realtime.identities -> accounts.models"),
    ("identity", "accounts/limits/keys.py", "from realtime import broadcast", "accounts.limits.keys -> realtime"),
    ("telemetry", "telemetry/extra.py", "from home.models import Order", "telemetry.extra -> home.models"),
    ("chat", "home/extra.py", "from chat import rooms", "home.extra -> chat.rooms"),
    ("operations", "home/extra.py", "from operations import signs", "home.extra -> operations.signs"),
    ("keeping", "home/extra.py", "from keeping import batches", "home.extra -> keeping.batches"),
    ("kitchen", "kitchen/stages.py", "from kitchen.promises import views", "kitchen.stages -> kitchen.promises.views"),
    ("kitchen", "kitchen/promises/extra.py", "from kitchen.board import views", "promises.extra -> kitchen.board"),
    ("kitchen", "kitchen/board/extra.py", "from kitchen.planner import views", "board.extra -> kitchen.planner"),
    ("kitchen", "kitchen/board/extra.py", "from kitchen import urls", "kitchen.board.extra -> kitchen.urls"),
    ("kitchen", "kitchen/extra.py", "", "must be declared as a layer"),
    ("flow", "kitchen/transitions.py", "from celery_app import app", "kitchen.transitions -> celery_app"),
    ("audit", "benchmarks/chaos/audit.py", "from kitchen import stages", "benchmarks.chaos.audit -> kitchen.stages"),
    ("audit", "benchmarks/chaos/records.py", "import django", "benchmarks.chaos.records -> django"),
    ("product", "home/extra.py", "import run", "home.extra -> run"),
    ("product", "pizzaProj/extra.py", "from benchmarks import report", "pizzaProj.extra -> benchmarks.report"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy all packages and the contracts to a folder."""
    project = tmp_path_factory.mktemp("project")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, project / name, ignore=not_sources)
    for file in [*ROOT.glob("*.py"), ROOT / "pyproject.toml"]:
        shutil.copy(file, project)
    return project


def not_sources(folder: str, names: list[str]) -> list[str]:
    folders = {name for name in names if os.path.isdir(os.path.join(folder, name))} - {"__pycache__"}
    return [name for name in names if not name.endswith(".py") and name not in folders]


@pytest.fixture
def restored(project: Path) -> Iterator[None]:
    """Undo every change to the copied project."""
    before = {path: path.read_text() for path in project.rglob("*.py")}
    yield
    for path in project.rglob("*.py"):
        if path not in before:
            path.unlink()
        elif path.read_text() != before[path]:
            path.write_text(before[path])


def lint(project: Path, contract: str) -> tuple[bool, str]:
    """Return whether the contract is kept, and the linter's output in one line."""
    command = [LINT_IMPORTS, "--no-logo", "--no-cache", "--contract", contract]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return done.returncode == 0, re.sub(r"\s+", " ", done.stdout + done.stderr)


@pytest.mark.parametrize(("contract", "file", "line", "words"), BROKEN)
@pytest.mark.usefixtures("restored")
def test_a_contract_is_red_when_it_is_broken(project: Path, contract: str, file: str, line: str, words: str) -> None:
    _, before = lint(project, contract)
    assert words not in before
    with open(project / file, "a") as source:
        source.write(f"\n{line}\n")
    is_kept, said = lint(project, contract)
    assert not is_kept
    assert words in said


def test_every_contract_is_shown_red() -> None:
    assert {contract for contract, *_ in BROKEN} == {contract["id"] for contract in LINTER["contracts"]}


def test_tests_can_import_anything(project: Path, restored: None) -> None:
    for package in ("accounts", "realtime", "simulation", "home"):
        (project / package / "tests" / "extra.py").write_text("import django, run\nfrom chat import rooms\n")
    assert all(lint(project, name)[0] for name in ("accounts", "realtime", "simulation", "chat", "product"))


# Rules that no contract can express


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def test_there_is_no_cycle(graph: grimp.ImportGraph) -> None:
    """Check module by module, including imports inside functions. CycleError names the cycle."""
    edges = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(edges).prepare()


def test_the_simulator_imports_only_numpy_and_the_standard_library(graph: grimp.ImportGraph) -> None:
    ours = [module for module in {"simulation", *graph.find_descendants("simulation")} if ".tests" not in module]
    imported = set().union(*(graph.find_modules_directly_imported_by(module) for module in ours))
    assert {name.split(".")[0] for name in imported} - {*sys.stdlib_module_names, "simulation"} == {"numpy"}


def test_only_one_module_sends_to_groups() -> None:
    sources = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if "tests" not in path.parts]
    sending = {str(path.relative_to(ROOT)) for path in sources if ".group_send" in path.read_text()}
    assert sending - {"benchmarks/tutorial/models.py"} == {"realtime/broadcast.py"}


@pytest.mark.parametrize("file", ["celery_app.py", "manage.py", "shop_options.py"])
def test_the_modules_beside_the_packages_do_not_import_benchmarks(file: str) -> None:
    imported = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert not imported & {"benchmarks", "run"}
