"""Let pg_dump copy a PostgreSQL database while others write to it, and pg_restore bring it back."""

from pathlib import Path
from typing import Any

from django.db import connection, transaction

from operations.backups import programs
from operations.backups.engine import Facts, Say, facts_of
from operations.backups.files import create
from operations.backups.refused import Refused
from pizzaProj import waits

PLAIN = ("--no-owner", "--no-privileges")  # it comes back to whoever restores it
HAS_COLUMN = "SELECT 1 FROM information_schema.columns WHERE table_name = '{}' AND column_name = '{}'"
# Tables, views and sequences of no extension, in any schema of a person
THINGS = """
    SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname <> 'information_schema' AND nspname !~ '^pg_'
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
"""


class PostgreSQL:
    name = "postgresql"
    file = "db.dump"

    def refuse_nothing(self) -> None:
        if not has_column("django_migrations", "name"):
            raise Refused("There is no shop here: the database has no tables.")
        self.program("pg_dump")

    def size_bytes(self) -> int:
        return 0  # it is packed, and indexes are left out

    def copy(self, target: Path, say: Say) -> Facts:
        """Let pg_dump see the very state that we ask here."""
        pg_dump, version = self.program("pg_dump")
        where, environment = programs.server_of(parameters())
        with transaction.atomic(), create(target) as output:
            ask("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            ask("SET LOCAL idle_in_transaction_session_timeout = 0")  # as long as pg_dump takes
            facts = self.facts()._replace(program=version)
            ((snapshot,),) = ask("SELECT pg_export_snapshot()")
            patience = f"--lock-wait-timeout={waits.BACKUP_LOCK_SECONDS * 1000:.0f}"
            options = ("--format=custom", f"--snapshot={snapshot}", patience, "--no-password", *PLAIN)
            programs.run([pg_dump, *options, f"--dbname={where}"], environment, say, output)
        return facts

    def facts(self) -> Facts:
        return facts_of(ask, has_column, server=server())

    def refuse_occupied(self) -> None:
        if ask(THINGS) != [(0,)]:
            raise Refused("The database is not empty. Name a new one in DATABASE_URL.")

    def restore(self, source: Path, from_server: int, from_program: int, say: Say) -> None:
        if from_server > server():
            raise Refused(
                f"The backup is of PostgreSQL {from_server}, and this server is {server()}. Use a newer one."
            )
        why = f"pg_dump {from_program} wrote the backup"
        pg_restore, _ = programs.program("pg_restore", max(from_program, server()), why)
        where, environment = programs.server_of(parameters())
        options = ("--single-transaction", "--exit-on-error", "--no-password", *PLAIN)
        programs.run([pg_restore, *options, f"--dbname={where}", str(source)], environment, say)

    def settle(self) -> None:
        ask("ANALYZE")  # a dump has no statistics, and the first rush should not do without

    def program(self, name: str) -> tuple[str, int]:
        return programs.program(name, server(), f"the server is PostgreSQL {server()}")


def parameters() -> dict[str, Any]:
    """Return how the shop connects, without its limits: a copy takes as long as it takes."""
    asked = connection.settings_dict["OPTIONS"].get("options", "")
    return connection.get_connection_params() | {"options": asked}


def ask(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def has_column(table: str, column: str) -> bool:
    return bool(ask(HAS_COLUMN.format(table, column)))


def server() -> int:
    """Return the main version of the server."""
    ((version,),) = ask("SHOW server_version_num")
    return int(version) // 10_000
