"""What can't be done is said in a sentence, and leaves nothing behind: no half backup, no half shop."""

import errno
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from operations.backups import files, folder, making, manifest, programs
from operations.backups import sqlite as engine
from operations.backups.refused import Refused
from operations.tests.backups import refused
from pizzaProj import embedded
from pizzaProj.version import VERSION

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="Most of it is the same for both, and quicker")
KEY = "a key that was made for this shop alone, and is known to nobody else: 7"
NO_BACKUP, NOT_RESTORED = " There is no backup.", " Nothing was restored."


@pytest.fixture
def shop(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data folder of the smallest shop that can be told from none."""
    monkeypatch.delenv("SECRET_KEY", raising=False)
    data = tmp_path / "var"
    (data / "media/pizzas").mkdir(parents=True)
    (data / "media/pizzas/a.webp").write_bytes(b"a picture")
    (data / "secret_key").write_text(KEY)
    with closing(sqlite3.connect(data / "db.sqlite3")) as file, file:
        file.execute("CREATE TABLE django_migrations (app, name)")
        file.execute("INSERT INTO django_migrations VALUES ('home', '0001_initial')")
        file.execute("CREATE TABLE home_pizza (id INTEGER PRIMARY KEY, image)")
        file.execute("INSERT INTO home_pizza (image) VALUES ('pizzas/a.webp')")
    open_at(data, settings, monkeypatch)
    return data


@pytest.fixture
def backup(shop: Path, tmp_path: Path) -> Path:
    call_command("backup", str(tmp_path / "monday"))
    return tmp_path / "monday"


@pytest.fixture
def empty(backup: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty folder in which the settings now look for a shop."""
    data = tmp_path / "new"
    data.mkdir()
    open_at(data, settings, monkeypatch)
    return data


def open_at(data: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR, settings.MEDIA_ROOT, settings.SECRET_KEY = data, str(data / "media"), KEY
    monkeypatch.setitem(connection.settings_dict, "NAME", data / "db.sqlite3")


def content(path: Path) -> dict[str, bytes]:
    """Return all files below a folder but the empty lock of the data folder."""
    names = set(files.within(path)) - {embedded.LOCK}
    return {name: (path / name).read_bytes() for name in names}


# No backup

PLACES: list[tuple[Callable[[Path], Path], str]] = [
    (lambda data: data, "{} is there already and is not empty. Choose a name that is new."),
    (lambda data: data / "secret_key", "{} is there already and is not empty. Choose a name that is new."),
    (lambda data: data / "media", "{} is in the folder of pictures, which everybody can read. Choose another one."),
    (lambda data: data / "media/b", "{} is in the folder of pictures, which everybody can read. Choose another one."),
    (lambda data: Path("/proc/backup"), ""),
    (lambda data: Path("/proc"), ""),
]


@pytest.mark.parametrize(("place", "sentence"), PLACES)
def test_a_place_that_can_not_be_taken(shop: Path, place: Callable[[Path], Path], sentence: str) -> None:
    before, target = content(shop), place(shop)
    said, code = refused("backup", str(target))
    assert said.endswith(NO_BACKUP) and "Error" not in said
    assert not sentence or said == sentence.format(target) + NO_BACKUP
    assert (code, content(shop)) == (1, before)


def test_a_folder_that_is_not_there_is_not_made(shop: Path, tmp_path: Path) -> None:
    said, _ = refused("backup", str(tmp_path / "disk/monday"))
    where = f"There is no folder {tmp_path}/disk. Make it first, or look whether its disk is there."
    assert (said, (tmp_path / "disk").exists()) == (where + NO_BACKUP, False)


def test_a_backup_is_not_written_over(backup: Path) -> None:
    before = content(backup)
    said, _ = refused("backup", str(backup))
    assert said == f"{backup} is there already and is not empty. Choose a name that is new.{NO_BACKUP}"
    assert content(backup) == before


def test_no_shop_is_no_backup(empty: Path, tmp_path: Path) -> None:
    said, _ = refused("backup", str(tmp_path / "tuesday"))
    assert said == f"There is no shop here: {empty}/db.sqlite3 does not exist.{NO_BACKUP}"


def test_only_one_backup_is_made_in_one_place(shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "monday"
    with folder.new(target) as partial:
        (partial / "db.sqlite3").touch()
        assert refused("backup", str(target))[0] == f"Another backup is being made in {partial}.{NO_BACKUP}"
        assert (partial / "db.sqlite3").exists()
    assert [path.name for path in target.iterdir()] == ["db.sqlite3"]


def test_what_a_killed_backup_left_is_cleared_away_and_nothing_else(shop: Path, tmp_path: Path) -> None:
    partial = tmp_path / "monday.partial"
    (partial / "media").mkdir(parents=True)
    (partial / "my own").touch()
    assert refused("backup", str(tmp_path / "monday"))[0].startswith(f"{partial} is in the way. Move it away")
    (partial / "my own").unlink()
    call_command("backup", str(tmp_path / "monday"))
    assert (partial.exists(), (tmp_path / "monday/manifest.json").exists()) == (False, True)


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (KeyboardInterrupt(), "Stopped.", 130),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full.", 1),
        (OSError(errno.EROFS, "Read-only", "/backups"), "/backups is on a disk that can only be read.", 1),
        (sqlite3.OperationalError("database or disk is full"), "The disk is full. Make room on it.", 1),
        (sqlite3.DatabaseError("malformed"), "The database file is damaged. Bring back a copy", 1),
    ],
)
def test_a_backup_that_breaks_off_leaves_nothing(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str, code: int
) -> None:
    def fail(*_: Any) -> None:
        raise error

    before = content(tmp_path)
    monkeypatch.setattr(engine, "facts_of_file", fail)
    found, exit_code = refused("backup", str(tmp_path / "monday"))
    assert found.startswith(said) and found.endswith(NO_BACKUP)
    assert (exit_code, content(tmp_path), list(tmp_path.glob("monday*"))) == (code, before, [])


def test_there_must_be_room_before_anything_is_written(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "LITTLE_BYTES", 10**18)
    assert refused("backup", str(tmp_path / "monday"))[0].startswith("There is no room: 0 MB are needed")


def test_a_damaged_database_is_no_backup(shop: Path, tmp_path: Path) -> None:
    file = shop / "db.sqlite3"
    content = bytearray(file.read_bytes())
    content[4096 * 2 + 100 : 4096 * 3] = b"\xff" * 3996  # in the second table
    file.write_bytes(content)
    assert "The database file is damaged" in refused("backup", str(tmp_path / "monday"))[0]
    assert list(tmp_path.glob("monday*")) == []


def test_a_key_from_the_environment_is_not_in_it(
    shop: Path, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SECRET_KEY = "that of the environment"
    call_command("backup", str(tmp_path / "monday"))
    assert "1 pictures, no SECRET_KEY (keep that of the environment)." in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "monday").iterdir()} == {"db.sqlite3", "manifest.json", "media"}
    assert "that of" not in (tmp_path / "monday/manifest.json").read_text()


# Nothing restored


def edit(backup: Path, **changes: Any) -> None:
    path = backup / manifest.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


NEWER = f"The backup was made by version 9.0.0, and this one, {VERSION}, does not know what was changed in its "
NEWER += "database (home.9999_pineapple). Install 9.0.0 or a newer one."
SPOILT: list[tuple[Callable[[Path], Any], str]] = [
    (lambda backup: (backup / "manifest.json").unlink(), "{} is no backup of a shop: it has no manifest.json."),
    (lambda backup: edit(backup, files=[]), "{} is no backup of a shop: its manifest.json is damaged."),
    (
        lambda backup: (backup / "manifest.json").write_text("{"),
        "{} is no backup of a shop: its manifest.json is damaged.",
    ),
    (
        lambda backup: edit(backup, files={"media/../../x": {"size_bytes": 1, "sha256": ""}}),
        "{} is no backup of a shop: its manifest.json names a file that belongs to none.",
    ),
    (
        lambda backup: edit(backup, format=2, shop="9.0.0"),
        "{} was made by version 9.0.0, which is newer than this one, " + f"{VERSION}.",
    ),
    (lambda backup: edit(backup, shop="9.0.0", migrations=["home.0001_initial", "home.9999_pineapple"]), NEWER),
    (
        lambda backup: edit(backup, engine="postgresql"),
        "The backup is of PostgreSQL, and this shop is set to SQLite. Set DATABASE_URL to one.",
    ),
    (
        lambda backup: (backup / "media/pizzas/a.webp").unlink(),
        "The backup is damaged: media/pizzas/a.webp is missing.",
    ),
    (
        lambda backup: (backup / "media/pizzas/a.webp").write_bytes(b"a pic"),
        "The backup is damaged: media/pizzas/a.webp is cut, 5 bytes of 9.",
    ),
    (
        lambda backup: (backup / "secret_key").write_text(KEY.replace("7", "8")),
        "The backup is damaged: secret_key has changed since it was made.",
    ),
]


@pytest.mark.parametrize(("spoil", "sentence"), SPOILT)
def test_a_backup_that_is_none(empty: Path, backup: Path, spoil: Callable[[Path], Any], sentence: str) -> None:
    spoil(backup)
    assert refused("restore", str(backup)) == (sentence.format(backup) + NOT_RESTORED, 1)
    assert content(empty) == {}


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("db.sqlite3", "Choose an empty folder with --data."),
        ("db.sqlite3-wal", "Choose an empty folder with --data."),
        ("media/pizzas/b.webp", "Choose an empty folder with --data."),
        ("notes.txt", "Choose an empty folder with --data."),
    ],
)
def test_a_folder_with_anything_in_it_is_left_alone(empty: Path, backup: Path, name: str, remedy: str) -> None:
    (empty / name).parent.mkdir(parents=True, exist_ok=True)
    (empty / name).write_text("mine")
    said = f"{empty} is not empty: there is {name}. {remedy}{NOT_RESTORED}"
    assert (refused("restore", str(backup)), content(empty)) == ((said, 1), {name: b"mine"})


def test_a_folder_in_which_the_shop_runs_is_left_alone(empty: Path, backup: Path) -> None:
    with embedded.alone(empty) as lock:
        print("123", file=lock, flush=True)
        said = f"The shop runs in this folder (pid 123). Close it, and choose an empty folder.{NOT_RESTORED}"
        assert refused("restore", str(backup)) == (said, 1)


def test_what_an_aborted_start_left_is_nothing(empty: Path, backup: Path, shop: Path) -> None:
    (empty / "logs").mkdir()
    (empty / "logs/web.log").touch()
    (empty / "secret_key").write_text("of nobody " * 6)
    call_command("restore", str(backup))
    assert content(empty) == {"logs/web.log": b"", **{name: (backup / name).read_bytes() for name in BROUGHT}}


BROUGHT = ("db.sqlite3", "secret_key", "media/pizzas/a.webp")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_restore_that_breaks_off_leaves_the_folder_as_it_was(
    empty: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: Any) -> None:
        assert (empty / "media/pizzas/a.webp").exists()  # so there is something to undo
        raise error

    (empty / "secret_key").write_text("of nobody " * 6)
    monkeypatch.setattr(engine, "refuse_unsound", fail)
    assert refused("restore", str(backup))[0].endswith(NOT_RESTORED)
    assert (content(empty), (empty / "media").exists()) == ({"secret_key": b"of nobody " * 6}, False)


def test_a_killed_restore_can_be_run_again(empty: Path, backup: Path) -> None:
    (empty / "media/pizzas").mkdir(parents=True)
    (empty / "media/pizzas/a.webp").write_bytes(b"a picture")
    (empty / f"db.sqlite3{engine.DRAFT}").write_bytes(b"half of it")
    call_command("restore", str(backup))
    assert content(empty) == {name: (backup / name).read_bytes() for name in BROUGHT}


def test_another_key_is_said(
    empty: Path, backup: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SECRET_KEY = "another one"
    monkeypatch.setenv("SECRET_KEY", "another one")
    call_command("restore", str(backup))
    assert "SECRET_KEY is another than the shop had: everybody has to log in again" in capsys.readouterr().out


def test_the_command_makes_no_key_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "makes_key", False)
    assert len(embedded.secret_key(tmp_path)) > embedded.LEAST_KEY
    assert list(tmp_path.iterdir()) == []


# PostgreSQL's programs


def test_a_password_is_not_on_the_command_line() -> None:
    url = {"host": "/run/pg", "port": 5433, "user": "pizza", "password": "pineapple", "dbname": "shop"}
    more = {"sslmode": "verify-full", "sslpassword": "pineapple", "keepalives_idle": 2, "prepare_threshold": 2}
    shown, environment = programs.server_of(url | more)
    assert shown == "keepalives_idle=2"
    assert environment == {
        "PGHOST": "/run/pg",
        "PGPORT": "5433",
        "PGUSER": "pizza",
        "PGPASSWORD": "pineapple",
        "PGDATABASE": "shop",
        "PGSSLMODE": "verify-full",
    }


@pytest.mark.parametrize(
    ("versions", "here"),
    [({}, "there is none here"), ({"/usr/bin/pg_dump": 15, "/opt/pg_dump": 14}, "the one here is 15")],
)
def test_a_program_that_is_missing_or_too_old(
    versions: dict[str, int], here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "paths", lambda name: iter(versions))
    monkeypatch.setattr(programs, "version_of", versions.get)
    with pytest.raises(Refused) as refusal:
        programs.program("pg_dump", 17, "the server is PostgreSQL 17")
    assert str(refusal.value).startswith(
        f"pg_dump 17 or newer is needed, as the server is PostgreSQL 17; {here}. "
        "On Debian and Ubuntu: sudo apt install postgresql-client-17 "
    )


def test_a_program_that_fails_says_why() -> None:
    said = "pg_dump: error: could not write to output file: No space left on device"
    assert programs.why_it_failed("pg_dump", said) == "The disk is full."
    said = "pg_dump: detail: x\npg_dump: error: query failed: ERROR:  permission denied for table home_order"
    assert programs.why_it_failed("pg_dump", said) == (
        "PostgreSQL does not allow that to this account. Let it own the database. "
        "pg_dump gave up: query failed: ERROR:  permission denied for table home_order."
    )
