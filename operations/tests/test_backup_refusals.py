"""Where no backup can be made, that is said in a sentence, and nothing is left behind."""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from operations.backups import folder, making, programs
from operations.backups import sqlite as engine
from operations.backups.refused import Refused
from operations.tests.backups import content, refused

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="Most of it is the same for both, and quicker")
NO_BACKUP = " There is no backup."

PLACES: list[tuple[Callable[[Path], Path], str]] = [
    (lambda data: data, "{} is there already and is not empty. Choose a name that is new."),
    (lambda data: data / "secret_key", "{} is there already and is not empty. Choose a name that is new."),
    (lambda data: data / "media", "{} is in the folder of pictures, which everybody can read. Choose another one."),
    (lambda data: data / "media/b", "{} is in the folder of pictures, which everybody can read. Choose another one."),
    (lambda data: Path("/proc/backup"), ""),
    (lambda data: Path("/proc"), ""),
]


@pytest.mark.parametrize(("place", "sentence"), PLACES)
def test_a_place_that_can_not_be_taken(small_shop: Path, place: Callable[[Path], Path], sentence: str) -> None:
    before, target = content(small_shop), place(small_shop)
    said, code = refused("backup", str(target))
    assert said.endswith(NO_BACKUP) and "Error" not in said
    assert not sentence or said == sentence.format(target) + NO_BACKUP
    assert (code, content(small_shop)) == (1, before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "DIR is empty. Name a folder."),
        ("~nobody-here/monday", "~nobody-here/monday can't be the folder: Could not determine home directory."),
    ],
)
def test_what_names_no_folder(
    small_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert refused("backup", text) == (said + NO_BACKUP, 1)
    assert list((tmp_path / "here").iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(small_shop: Path, tmp_path: Path) -> None:
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


def test_only_one_backup_is_made_in_one_place(small_shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "monday"
    with folder.new(target) as partial:
        (partial / "db.sqlite3").touch()
        assert refused("backup", str(target))[0] == f"Another backup is being made in {partial}.{NO_BACKUP}"
        assert (partial / "db.sqlite3").exists()
    assert [path.name for path in target.iterdir()] == ["db.sqlite3"]


def test_what_a_killed_backup_left_is_cleared_away_and_nothing_else(small_shop: Path, tmp_path: Path) -> None:
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
    small_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str, code: int
) -> None:
    def fail(*_: Any) -> None:
        raise error

    before = content(tmp_path)
    monkeypatch.setattr(engine, "facts_of_file", fail)
    found, exit_code = refused("backup", str(tmp_path / "monday"))
    assert found.startswith(said) and found.endswith(NO_BACKUP)
    assert (exit_code, content(tmp_path), list(tmp_path.glob("monday*"))) == (code, before, [])


def test_there_must_be_room_before_anything_is_written(
    small_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "LITTLE_BYTES", 10**18)
    assert refused("backup", str(tmp_path / "monday"))[0].startswith("There is no room: 0 MB are needed")


def test_a_damaged_database_is_no_backup(small_shop: Path, tmp_path: Path) -> None:
    file = small_shop / "db.sqlite3"
    content = bytearray(file.read_bytes())
    content[4096 * 2 + 100 : 4096 * 3] = b"\xff" * 3996  # in the second table
    file.write_bytes(content)
    assert "The database file is damaged" in refused("backup", str(tmp_path / "monday"))[0]
    assert list(tmp_path.glob("monday*")) == []


def test_a_key_from_the_environment_is_not_in_it(
    small_shop: Path, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SECRET_KEY = "that of the environment"
    call_command("backup", str(tmp_path / "monday"))
    assert "1 picture, no SECRET_KEY (keep that of the environment)." in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "monday").iterdir()} == {"db.sqlite3", "manifest.json", "media"}
    assert "that of" not in (tmp_path / "monday/manifest.json").read_text()


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
