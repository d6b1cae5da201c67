"""
Look-ups whose SQL text is built once.

Django builds the text of a query anew whenever it runs. For the look-ups that every poll of every learner makes, that
costs several times as much as running them. A prepared look-up is built by Django's ORM too, once for each database,
and then only run.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from django.db import connections, router
from django.db.models import Model, QuerySet

from edx_exams.apps.core.limits import MAX_INTEGER

Row = Sequence[Any]

#: Make the values that stand for the arguments while the text is built; a look-up has none such by itself.
_MARKS: Final[dict[type, Callable[[int], Any]]] = {
    int: lambda place: -2_000_000_000 - place,
    str: lambda place: f"\ue000{place}\ue000",
}


class _Statement(NamedTuple):
    """The text of a look-up, and how to read its rows."""

    sql: str
    #: The parameters, a mark where an argument goes.
    parameters: tuple[Any, ...]
    #: Places in a row, the functions that make Python's values of the database's there, and their column.
    converters: Sequence[tuple[int, Sequence[Callable[..., Any]], Any]]


class Prepared[M: Model]:
    """
    A look-up of rows of a model, in no order.

    :param build: given the arguments, makes the queryset; it is called once for each database
    :param kinds: the arguments' types, `int` or `str`
    :param related: a foreign key whose row comes along
    """

    def __init__(
        self, model: type[M], build: Callable[..., QuerySet[M]], *kinds: type[int] | type[str], related: str = ""
    ) -> None:
        self._model, self._build, self._related = model, build, related
        self._marks = [_MARKS[kind](place) for place, kind in enumerate(kinds)]
        self._columns = _columns(model)
        self._related_model = cast("type[Model]", model._meta.get_field(related).related_model) if related else None
        self._related_columns = _columns(self._related_model) if self._related_model else []
        self._statements: dict[str, _Statement] = {}

    def __call__(self, *arguments: int | str) -> list[M]:
        """Run it: one statement."""
        alias = router.db_for_read(self._model)
        statement = self._statements.get(alias) or self._statements.setdefault(alias, self._prepare(alias))
        given = {
            mark: argument
            for mark, argument in zip(self._marks, arguments, strict=True)
            if isinstance(argument, str) or abs(argument) <= MAX_INTEGER  # no row has a number that no column holds
        }
        connection = connections[alias]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, [given.get(value, value) for value in statement.parameters])
            rows = cursor.fetchall()
        return [self._instance(_converted(row, statement, connection), alias) for row in rows]

    def _prepare(self, alias: str) -> _Statement:
        names = [*self._columns, *(f"{self._related}__{name}" for name in self._related_columns)]
        compiler = self._build(*self._marks).order_by().values_list(*names).query.get_compiler(alias)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        return _Statement(sql, tuple(parameters), [(place, *found) for place, found in converters.items()])

    def _instance(self, row: Row, alias: str) -> M:
        width = len(self._columns)
        instance = self._model.from_db(alias, self._columns, row[:width])
        if self._related_model:
            # The foreign keys of these models lead to the `id`, their first column.
            there = row[width] is not None
            other = self._related_model.from_db(alias, self._related_columns, row[width:]) if there else None
            setattr(instance, self._related, other)
        return instance


def _converted(row: Row, statement: _Statement, connection: Any) -> Row:
    values = list(row)
    for place, converters, column in statement.converters:
        for convert in converters:
            values[place] = convert(values[place], column, connection)
    return values


def _columns(model: type[Model]) -> list[str]:
    """Return the names of a model's columns, in the order in which `from_db` takes them."""
    return [field.attname for field in model._meta.concrete_fields]


def age(row: Any) -> tuple[datetime, int]:
    """Return the key that sorts rows by age, the oldest first."""
    return row.created, row.pk


def newest[M: Model](rows: Iterable[M]) -> M | None:
    """Return the newest row, None of none: databases of the earlier service hold several where one belongs."""
    return max(rows, key=age, default=None)
