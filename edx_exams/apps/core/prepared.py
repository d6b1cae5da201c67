# SPDX-License-Identifier: AGPL-3.0-only
"""
Look-ups whose SQL text is built once.

Django builds the text of a query anew whenever it runs. For the look-ups that every poll of every learner makes, that
costs several times as much as running them. A prepared look-up is built by Django's ORM too, once for each database,
and then only run.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import batched
from typing import Any, Final, NamedTuple, cast

from django.db import connections, router
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL
from django.db.transaction import TransactionManagementError

from edx_exams.apps.core.database_times import quicker
from edx_exams.apps.core.limits import MAX_INTEGER

Row = Sequence[Any]
#: Places in a row, the function that makes Python's value of the database's there, and its column.
Converters = Sequence[tuple[int, Callable[..., Any], Any]]

#: Make the values that stand for the arguments while the text is built; a look-up has none such by itself.
_MARKS: Final[dict[type, Callable[[int], Any]]] = {
    int: lambda place: -2_000_000_000 - place,
    str: lambda place: f"\ue000{place}\ue000",
}
#: Stands for a list of ids in the text of a look-up.
_IDS: Final = ":ids"


class _Statement(NamedTuple):
    """The text of a look-up, and how to read its rows."""

    sql: str
    #: The parameters, a mark where an argument goes.
    parameters: tuple[Any, ...]
    converters: Converters


class PreparedRows:
    """
    A look-up of values, in the order of its queryset.

    :param model: whose table is read
    :param build: given the arguments, makes a queryset by `values_list`; it is called once for each database
    :param kinds: the arguments' types, `int` or `str`
    :param locks: it locks rows, and so needs a transaction
    """

    def __init__(
        self,
        model: type[Model],
        build: Callable[..., QuerySet[Any, Any]],
        *kinds: type[int] | type[str],
        locks: bool = False,
    ) -> None:
        self._model, self._build, self._locks = model, build, locks
        self._marks = [_MARKS[kind](place) for place, kind in enumerate(kinds)]
        self._statements: dict[str, _Statement] = {}

    @property
    def alias(self) -> str:
        """The database that is asked: rows that are locked are to be written."""
        return (router.db_for_write if self._locks else router.db_for_read)(self._model)

    def __call__(self, *arguments: int | str, ids: Sequence[int] = ()) -> list[Row]:
        """
        Run it: one statement.

        :param ids: stand where the text has `_IDS`; a driver takes longer to put in a hundred parameters than the
            database to find their rows
        """
        alias = self.alias
        statement = self._statements.get(alias) or self._statements.setdefault(alias, self._prepare(alias))
        given = {
            mark: argument
            for mark, argument in zip(self._marks, arguments, strict=True)
            if isinstance(argument, str) or abs(argument) <= MAX_INTEGER  # no row has a number that no column holds
        }
        connection = connections[alias]
        if self._locks and not connection.in_atomic_block:
            message = "Rows are locked within a transaction only."
            raise TransactionManagementError(message)
        with connection.cursor() as cursor:
            sql = statement.sql.replace(_IDS, ",".join(str(int(one)) for one in ids)) if ids else statement.sql
            cursor.execute(sql, [given.get(value, value) for value in statement.parameters])
            rows = cursor.fetchall()
        if not statement.converters:
            return list(rows)
        return [_converted(row, statement.converters, connection) for row in rows]

    def _prepare(self, alias: str) -> _Statement:
        compiler = self._build(*self._marks).query.get_compiler(alias)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        each = [
            (place, quicker(convert, connections[alias]), column)
            for place, (found, column) in converters.items()
            for convert in found
        ]
        return _Statement(sql, tuple(parameters), each)


class PreparedForIds:
    """
    A look-up of values for rows that are named by id, few or many: one statement for each thousand.

    :param build: given an expression that stands for the ids, makes a queryset by `values_list`
    """

    _AT_ONCE: Final = 1_000

    def __init__(self, model: type[Model], build: Callable[[RawSQL], QuerySet[Any, Any]]) -> None:
        self._rows = PreparedRows(model, lambda: build(RawSQL(_IDS, ())))  # noqa: S611  (integers take its place)

    def __call__(self, ids: Iterable[int]) -> list[Row]:
        """Run it. Within each thousand, rows are in the order of the queryset."""
        return [row for some in batched(ids, self._AT_ONCE) for row in self._rows(ids=some)]


class Part[M: Model]:
    """
    The columns of a model among those of a row.

    :param path: from the queryset's model to this one; empty for itself
    :param first: place of the first column in a row
    """

    def __init__(self, model: type[M], path: str = "", first: int = 0) -> None:
        self._model = model
        self._columns = [field.attname for field in model._meta.concrete_fields]  # as `from_db` takes them
        self._first, self.end = first, first + len(self._columns)
        self.names = [f"{path}__{column}" if path else column for column in self._columns]

    def read(self, row: Row, alias: str) -> M | None:
        """Return the instance that a row holds; None where an outer join found none."""
        if row[self._first] is None:  # the `id` is these models' first column
            return None
        return self._model.from_db(alias, self._columns, row[self._first : self.end])


class Prepared[M: Model]:
    """
    A look-up of rows of a model, in no order.

    :param build: as of `PreparedRows`, but of rows
    :param related: foreign keys whose rows come along
    :param locks: the rows are locked until the transaction ends, by `select_for_update` of the queryset
    """

    def __init__(
        self,
        model: type[M],
        build: Callable[..., QuerySet[M]],
        *kinds: type[int] | type[str],
        related: Sequence[str] = (),
        locks: bool = False,
    ) -> None:
        self._model = model
        self._own = Part(model)
        self._related: dict[str, Part[Model]] = {}
        names, end = list(self._own.names), self._own.end
        for name in related:
            there = cast("type[Model]", model._meta.get_field(name).related_model)
            part = self._related[name] = Part(there, name, end)
            names, end = names + part.names, part.end
        self._rows = PreparedRows(
            model, lambda *marks: build(*marks).order_by().values_list(*names), *kinds, locks=locks
        )

    def __call__(self, *arguments: int | str) -> list[M]:
        """Run it: one statement."""
        alias = self._rows.alias
        return [self._instance(row, alias) for row in self._rows(*arguments)]

    def _instance(self, row: Row, alias: str) -> M:
        instance = cast("M", self._own.read(row, alias))
        for name, part in self._related.items():
            setattr(instance, name, part.read(row, alias))
        return instance


def _converted(row: Row, places: Converters, connection: Any) -> Row:
    values = list(row)
    for place, convert, column in places:
        values[place] = convert(values[place], column, connection)
    return values


def age(row: Any) -> tuple[datetime, int]:
    """Return the key that sorts rows by age, the oldest first."""
    return row.created, row.pk


def newest[M: Model](rows: Iterable[M]) -> M | None:
    """Return the newest row, None of none: databases of the earlier service hold several where one belongs."""
    return max(rows, key=age, default=None)
