"""The bootstrap, step by step, without really installing anything."""

import ast
import fcntl
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

import run
from pizzaProj.version import VERSION

RUN = settings.BASE_DIR / "run.py"


class Execed(Exception):
    """Stand in for the program that would have replaced the process."""


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Set up a project in a temporary folder, and return the commands that would have run there."""
    commands: list[list[str]] = []
    for name in ("requirements.txt", "requirements-dev.txt", "package.json", "package-lock.json"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(run, "PYTHON", str(tmp_path / ".venv/bin/python"))
    monkeypatch.setattr(run, "run", lambda command, trouble: commands.append(command))
    (tmp_path / "node_modules").mkdir()
    return commands


def make_venv(version: str = "{}.{}.0".format(*sys.version_info), folder: Path | None = None) -> None:
    """Create those results of `python -m venv` that the bootstrap checks."""
    scripts = run.VENV / "bin"
    scripts.mkdir(parents=True)
    Path(run.PYTHON).symlink_to(sys.executable)
    (scripts / "pip").touch()
    made = f"home = /usr/bin\nversion = {version}\ncommand = /usr/bin/python3 -m venv {folder or run.VENV}\n"
    (run.VENV / "pyvenv.cfg").write_text(made)


# The command line


@pytest.mark.parametrize(
    ("arguments", "command", "data"),
    [
        ([], ["stack"], None),
        (["--port", "8123", "--speed=600"], ["stack", "--port=8123", "--speed=600.0"], None),
        (["--no-demo", "--data", "elsewhere"], ["stack", "--no-demo"], "elsewhere"),
        (["test", "-k", "stack", "--port"], ["test", "-k", "stack", "--port"], None),
        (["migrate", "--plan"], ["migrate", "--plan"], None),
        (["--data=d", "loaddata", "--data", "x"], ["loaddata", "--data", "x"], "d"),
        (["--data", "d", "restore", "/backups/monday"], ["restore", "/backups/monday"], "d"),
    ],
)
def test_arguments_are_split_at_the_command(arguments: list[str], command: list[str], data: str | None) -> None:
    assert run.parse(arguments) == (command, data)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "0"], "'0' is not a port: choose a number from 1 to 65535."),
        (["--port=65536"], "'65536' is not a port"),
        (["--port", "8e3"], "'8e3' is not a port"),
        (["--speed", "0"], "'0' is not a speed: choose a number above 0, such as 60."),
        (["--speed", "-5"], "'-5' is not a speed"),
        (["--speed", "inf"], "'inf' is not a speed"),
        (["--speed", "nan"], "'nan' is not a speed"),
        (["--speed", "fast"], "'fast' is not a speed"),
        (["--port"], "--port: expected one argument"),
        (["--data="], "--data needs the name of a folder."),
        (["--prot", "8000"], "unrecognized arguments: --prot"),
        (["--no-demo", "migrate"], "--no-demo is for opening the shop, not for 'migrate'."),
    ],
)
def test_a_wrong_option_gets_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        run.parse(arguments)
    assert exit.value.code == 2
    assert sentence in capsys.readouterr().err


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        run.parse(["-h"])
    assert exit.value.code == 0
    text = capsys.readouterr().out
    wanted = ("run.py test", "--port N", "--data DIR", "--speed X", "--no-demo", "run.py COMMAND")
    assert [word for word in wanted if word not in text] == []


def test_the_version_is_printed_before_anything_is_installed(tmp_path: Path) -> None:
    """Test --version with a Python without packages; it sets nothing up."""
    needed = ["pyproject.toml", "run.py", "shop_options.py"]
    for name in needed:
        shutil.copy(settings.BASE_DIR / name, tmp_path)
    command = [sys.executable, "-E", "-s", "-S", "-B", str(tmp_path / "run.py"), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == (f"Forno Vivo {VERSION}\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == needed
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


@pytest.mark.parametrize(
    ("arguments", "program", "folder"),
    [
        (["test", "-x"], ["-m", "pytest", "-x"], "project"),
        (["test"], ["-m", "pytest", *run.ALL_TESTS], "project"),
        (["--data", "d", "shell"], ["manage.py", "shell"], "here"),
        ([], ["manage.py", "stack"], "here"),
    ],
)
def test_it_becomes_the_program(
    ran: list[list[str]],
    arguments: list[str],
    program: list[str],
    folder: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def execv(path: str, line: list[str]) -> None:
        assert path == line[0] == run.PYTHON
        raise Execed(*[Path(word).name if word.endswith("manage.py") else word for word in line[1:]])

    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("DATA_DIR", "from the environment")
    monkeypatch.setattr(run, "set_up", lambda testing: None)
    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(Execed) as execed:
        run.main(arguments)
    assert list(execed.value.args) == program
    assert Path.cwd() == (tmp_path if folder == "project" else here)
    assert os.environ["DATA_DIR"] == (str(here / "d") if "--data" in arguments else "from the environment")


# Which Python


def test_an_older_python_can_read_it() -> None:
    ast.parse(RUN.read_text(), feature_version=(3, 6))


def test_an_older_python_gets_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    with pytest.raises(SystemExit) as exit:
        runpy.run_path(str(RUN))
    assert exit.value.code == "The shop needs Python 3.11 or newer. This is Python 3.10."


# The set-up


def test_everything_is_installed_once(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    make_venv()
    monkeypatch.setattr(run.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    run.set_up(testing=False)
    pip = [run.PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
    npm = ["/usr/bin/npm", "ci", "--ignore-scripts", "--cache", str(run.VENV / "npm")]
    assert ran == [[*pip, "requirements.txt"], npm]
    ran.clear()
    run.set_up(testing=False)
    assert ran == []
    run.set_up(testing=True)
    browser = [run.PYTHON, "-m", "home.tests.browser"]
    assert ran == [[*pip, "requirements-dev.txt"], browser]


def test_changed_requirements_are_installed_again(ran: list[list[str]]) -> None:
    make_venv()
    run.install("requirements-dev.txt")
    (run.ROOT / "requirements.txt").write_text("one more")  # the other file includes it
    run.install("requirements-dev.txt")
    assert len(ran) == 2


def test_an_interrupted_install_is_done_again(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    make_venv()
    run.install("requirements.txt")
    (run.ROOT / "requirements.txt").write_text("one more")

    def interrupted(*what: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "pip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run.install("requirements.txt")
    (run.ROOT / "requirements.txt").write_text("requirements.txt")  # the content from before, still not installed
    ran.clear()
    run.install("requirements.txt")
    assert len(ran) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: (run.VENV / "pyvenv.cfg").write_text("version = 3.4.0\n"),
        lambda: (run.VENV / "pyvenv.cfg").unlink(),
        lambda: (run.VENV / "bin/pip").unlink(),
        lambda: Path(run.PYTHON).unlink(),
    ],
)
def test_an_unusable_environment_is_created_again(ran: list[list[str]], spoil: Callable[[], object]) -> None:
    make_venv()
    assert run.environment_is_usable()
    spoil()
    run.set_up(testing=False)
    assert ran[0][1:] == ["-m", "venv", "--clear", str(run.VENV)]


def test_an_environment_of_another_python_or_folder_is_not_usable(ran: list[list[str]], tmp_path: Path) -> None:
    make_venv(version="3.4.10")
    assert not run.environment_is_usable()
    run.VENV.rename(tmp_path / "old")
    make_venv(folder=tmp_path / "elsewhere/.venv")
    assert not run.environment_is_usable()


def test_without_the_venv_module_it_says_how_to_get_it(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(run.Failed, match="sudo apt install python3-venv"):
        run.set_up(testing=False)
    assert ran == []


def test_npm_comes_from_pip_only_where_there_is_none(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    make_venv()
    monkeypatch.setattr(run.shutil, "which", lambda name, path=None: None)
    run.get_front_end()
    assert [ran[0][-1], ran[1][0]] == [run.NODE_WHEEL, str(run.VENV / "bin/npm")]


def test_a_command_that_fails_shows_its_output() -> None:
    with pytest.raises(run.Failed) as failed:
        run.run(["sh", "-c", "echo no space left; exit 1"], "That went wrong.")
    assert str(failed.value).startswith("no space left\n\nThat went wrong. The command was: sh -c ")


def test_a_second_run_waits_for_the_first_and_its_children(capfd: pytest.CaptureFixture[str]) -> None:
    with run.alone():
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    waiting = "import run\nwith run.alone(): pass"
    with RUN.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    second = subprocess.Popen(
        [sys.executable, "-c", waiting], cwd=settings.BASE_DIR, stderr=subprocess.PIPE, text=True
    )
    assert second.stderr
    assert second.stderr.readline() == "Another run.py is setting up. Waiting for it ...\n"
    child.kill()
    child.wait()
    assert second.wait() == 0
    second.stderr.close()
