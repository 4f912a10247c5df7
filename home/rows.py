"""A model's rows, read and written with SQL that is put together once.

Django builds a query each time it is asked, which takes several times as long as asking it. That is nothing for a
page, but the kitchen moves hundreds of orders a second: `kitchen.flow` reads and writes its rows through this.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, connection, models
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)
N = TypeVar("N", bound=models.Model)
# Their values go to the database as they are. To ask the field each time takes longer than the whole statement.
PLAIN = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.FloatField,
    models.BooleanField,
    models.ForeignKey,
)
MOST_TOGETHER = 8  # rows in one statement: its text is kept for each combination
Converters = list[tuple[int, list[Callable[..., Any]], Any]]


class Rows(Generic[M]):
    """The rows of one model. Values are adapted and converted by its fields, as Django does.

    `when_read` is called with each instance, in place of the model's own `from_db`.
    """

    def __init__(self, model: type[M], when_read: Callable[[M], None] | None = None) -> None:
        self.model, self.when_read = model, when_read
        self.table = model._meta.db_table
        self.fields = {field.name: field for field in model._meta.concrete_fields}
        self.plain = {name for name, field in self.fields.items() if isinstance(field, PLAIN)}
        self.moments = {name for name, field in self.fields.items() if isinstance(field, models.DateTimeField)}
        self.attributes = [field.attname for field in self.fields.values()]
        self.columns = ", ".join(f"{self.table}.{field.column}" for field in self.fields.values())
        self.inserted = tuple(name for name, field in self.fields.items() if not field.primary_key)
        self.converters_of = cache(self._converters_of)
        self.update_sql = cache(self._update_sql)
        self.insert_sql = cache(self._insert_sql)

    def read(self, sql: str, values: Sequence[Any], also: Sequence[str] = ()) -> list[M]:
        """Return the instances of a query that selects `columns`, followed by what goes into the attributes `also`."""
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return [self.instance(row, also) for row in cursor.fetchall()]

    def update(self, instance: M, names: tuple[str, ...]) -> None:
        """Update these fields of one row. DatabaseError if it is gone. Sends no signal: that is the caller's."""
        with connection.cursor() as cursor:
            cursor.execute(self.update_sql(names), [*self.values(instance, names), instance.pk])
            if cursor.rowcount != 1:
                raise DatabaseError(f"{instance} is gone.")

    def update_all(self, instances: Iterable[M], names: tuple[str, ...]) -> int:
        """Update these fields of several rows, in turn; return how many still exist. Sends no signal."""
        rows = [[*self.values(instance, names), instance.pk] for instance in instances]
        if not rows:
            return 0
        with connection.cursor() as cursor:
            cursor.executemany(self.update_sql(names), rows)
            return int(cursor.rowcount)

    def insert(self, instance: M) -> None:
        """Insert a row; the instance is not told its key. Sends no signal."""
        self.insert_all([instance])

    def insert_all(self, instances: Iterable[M]) -> None:
        """Insert several rows, likewise."""
        rows = [self.values(instance, self.inserted) for instance in instances]
        if not rows:
            return
        with connection.cursor() as cursor:
            cursor.executemany(self.insert_sql(), rows)

    def convert(self, name: str, value: Any) -> Any:
        """Convert the database's value of a field to the field's own."""
        index = self.attributes.index(self.fields[name].attname)
        for at, converters, column in self.converters_of(connection.vendor):
            for convert in converters if at == index else ():
                value = convert(value, column, connection)
        return value

    def values(self, instance: M, names: Iterable[str]) -> list[Any]:
        values = []
        adapt_moment = connection.ops.adapt_datetimefield_value
        for name in names:
            field = self.fields[name]
            value = getattr(instance, field.attname)
            if value is not None and name not in self.plain:
                is_moment = name in self.moments
                value = adapt_moment(value) if is_moment else field.get_db_prep_save(value, connection)
            values.append(value)
        return values

    def instance(self, values: Sequence[Any], also: Sequence[str] = ()) -> M:
        """Make an instance from the values of `columns`, followed by those of the attributes `also`."""
        row = list(values)
        for index, converters, column in self.converters_of(connection.vendor):
            for convert in converters:
                row[index] = convert(row[index], column, connection)
        # As Model.from_db does, without its signals and descriptors, which cost as much as reading the row.
        instance = self.model.__new__(self.model)
        instance.__dict__.update(zip((*self.attributes, *also), row, strict=True))
        state = instance.__dict__["_state"] = ModelState()
        state.adding, state.db = False, connection.alias
        if self.when_read:
            self.when_read(instance)
        return instance

    def _update_sql(self, names: tuple[str, ...]) -> str:
        columns = ", ".join(f"{self.fields[name].column} = %s" for name in names)
        assert self.model._meta.pk is not None
        return f"UPDATE {self.table} SET {columns} WHERE {self.model._meta.pk.column} = %s"

    def _insert_sql(self) -> str:
        columns = ", ".join(str(self.fields[name].column) for name in self.inserted)
        return f"INSERT INTO {self.table} ({columns}) VALUES ({', '.join(['%s'] * len(self.inserted))})"

    def _converters_of(self, vendor: str) -> Converters:
        found = []
        for index, field in enumerate(self.fields.values()):
            column = field.get_col(self.table)
            converters = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
            if converters:
                found.append((index, converters, column))
        return found


def copied(instance: M) -> M:
    """Return a copy of a row as it is now: what happens to the one does not happen to the other."""
    copy = instance.__class__.__new__(instance.__class__)
    copy.__dict__.update(instance.__dict__)
    state = copy.__dict__["_state"] = ModelState()
    state.adding, state.db = instance._state.adding, instance._state.db
    return copy


Update = tuple[Rows[Any], models.Model, tuple[str, ...]]  # these fields of this row


def write_together(updates: Sequence[Update], rows: Rows[N], added: Sequence[N]) -> None:
    """Update these rows and insert those that refer to them; in one statement if the database can and they are few.

    DatabaseError if one of the updated rows is gone. Sends no signal: that is the caller's.
    """
    if connection.vendor != "postgresql" or len(updates) + len(added) > MOST_TOGETHER:
        for updated, row, names in updates:
            updated.update(row, names)
        rows.insert_all(added)
        return
    sql = _together_sql(tuple((updated, names) for updated, _, names in updates), rows, len(added))
    values = [
        value for updated, instance, names in updates for value in (*updated.values(instance, names), instance.pk)
    ]
    for instance in added:
        values += rows.values(instance, rows.inserted)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        if None in (cursor.fetchone() or (None,)):
            gone = ", ".join(str(row) for _, row, _ in updates)
            raise DatabaseError(f"One of these is gone: {gone}.")


@cache
def _together_sql(updates: tuple[tuple[Rows[Any], tuple[str, ...]], ...], rows: Rows[Any], added: int) -> str:
    tables = [f"updated_{number}" for number in range(len(updates))]
    steps = [
        f"{table} AS ({updated.update_sql(names)} RETURNING 1)"
        for table, (updated, names) in zip(tables, updates, strict=True)
    ]
    found = ", ".join(f"(TABLE {table})" for table in tables)
    first, marks = rows.insert_sql().split(" VALUES ")
    return f"WITH {', '.join(steps)} {first} VALUES {', '.join([marks] * added)} RETURNING {found}"
