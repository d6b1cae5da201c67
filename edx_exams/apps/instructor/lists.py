# SPDX-License-Identifier: AGPL-3.0-only
"""
The lists of the dashboard: searched, sorted and cut by the database.

An unknown ordering is ignored; ties are broken by id.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, override

from django.db.models import Case, CharField, Count, F, FloatField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable, Expression, OrderBy
from django.db.models.functions import Cast

from edx_exams.apps.core.allowance_types import AllowanceType
from edx_exams.apps.core.exam_types import PRACTICE_TYPES
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance

#: The dashboard's three types of exams, and ours that each stands for.
EXAM_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "practice": PRACTICE_TYPES,
    "proctored": frozenset({"proctored"}),
    "timed": frozenset({"timed"}),
}

_TYPE_SHOWN: Final = Case(
    When(exam__exam_type__in=sorted(PRACTICE_TYPES), then=Value("practice")), default=F("exam__exam_type")
)
_PEOPLE: Final = {
    "username": F("user__username"),
    "user.username": F("user__username"),
    "email": F("user__email"),
    "user.email": F("user__email"),
    "exam_name": F("exam__exam_name"),
    "proctored_exam.exam_name": F("exam__exam_name"),
}
#: Orderings of attempts by name. `ready_to_resume` is the same for all: its order is that of the ids.
ATTEMPT_ORDERINGS: Final[Mapping[str, Expression | F]] = {
    **_PEOPLE,
    "time_limit": F("exam__time_limit_mins"),
    "proctored_exam.time_limit_mins": F("exam__time_limit_mins"),
    "allowed_time_limit_mins": F("allowed_time_limit_mins"),
    "type": _TYPE_SHOWN,
    "exam_type": _TYPE_SHOWN,
    "started_at": F("start_time"),
    "start_time": F("start_time"),
    "completed_at": F("end_time"),
    "end_time": F("end_time"),
    "status": F("status"),
    "ready_to_resume": F("pk"),
}

#: Orderings of allowances by name.
ALLOWANCE_ORDERINGS: Final = frozenset({*_PEOPLE, "allowance_type", "key", "value"})


def exams_of_type(exams: QuerySet[Exam], wanted: str | None) -> QuerySet[Exam]:
    """Keep the exams of one of the dashboard's types; none for an unknown type, all without one."""
    if wanted is None:
        return exams.select_related("provider")
    return exams.filter(exam_type__in=sorted(EXAM_TYPES.get(wanted, ()))).select_related("provider")


def search_attempts(attempts: QuerySet[ExamAttempt], *, search: str, ordering: str) -> QuerySet[ExamAttempt]:
    """Select the attempts whose learner has the text in username or e-mail address, newest first by default."""
    if search:
        attempts = attempts.filter(_person_contains(search))
    column = ATTEMPT_ORDERINGS.get(ordering.removeprefix("-"))
    if column is None:
        return attempts.order_by("-created", "-pk")
    if ordering.startswith("-"):
        return attempts.order_by(OrderBy(column, descending=True), "-pk")
    return attempts.order_by(OrderBy(column), "pk")


def _person_contains(text: str) -> Q:
    return Q(user__username__icontains=text) | Q(user__email__icontains=text)


def _text(expression: Combinable) -> Cast:
    """Make text of an expression: both halves of the list of allowances are sorted together."""
    return Cast(expression, output_field=CharField(max_length=255))


_HAS_REVIEW_EXCEPTION: Final = Q(review_policy_exception__isnull=False)
#: A row of no minutes that holds a review exception was made for the exception alone.
_HAS_TIME: Final = Q(extra_time_mins__gt=0) | Q(time_multiplier__isnull=False) | Q(review_policy_exception=None)
_TIME_TYPE: Final = Case(
    When(time_multiplier=None, then=Value(AllowanceType.ADDITIONAL_TIME.value)),
    default=Value(AllowanceType.TIME_MULTIPLIER.value),
    output_field=CharField(max_length=32),
)
_REVIEW_TYPE: Final = Value(AllowanceType.REVIEW_POLICY_EXCEPTION.value, output_field=CharField(max_length=32))
_TIME_VALUE: Final = Case(
    When(time_multiplier=None, then=Cast("extra_time_mins", FloatField())),
    default=Cast("time_multiplier", FloatField()),
    output_field=FloatField(),
)
#: Before all numbers.
_NO_NUMBER: Final = Value(-1.0, output_field=FloatField())


class AllowanceRow(NamedTuple):
    """
    One line of the dashboard's list of allowances.

    :param row_id: of a review exception the negative of the allowance's id
    """

    row_id: int
    allowance: StudentAllowance
    kind: AllowanceType


class AllowanceRows(Sequence[AllowanceRow]):
    """
    Allowances of a course's active exams as the dashboard lists them: one row for time, one for a review exception.

    Costs one statement for its length, and two for a slice, whatever their size.
    """

    def __init__(self, course_id: str, *, search: str, ordering: str) -> None:
        allowances = StudentAllowance.objects.filter(exam__course_id=course_id, exam__is_active=True)
        if search:
            allowances = allowances.filter(_person_contains(search))
        column = ordering.removeprefix("-")
        self._allowances = allowances
        by_value = column == "value"
        time = allowances.filter(_HAS_TIME).annotate(
            row_id=F("pk"),
            sort_number=_TIME_VALUE if by_value else _NO_NUMBER,
            sort_key=_sort_key(column, _TIME_TYPE, Value("")),
        )
        reviews = allowances.filter(_HAS_REVIEW_EXCEPTION).annotate(
            row_id=-F("pk"),
            sort_number=_NO_NUMBER,
            sort_key=_sort_key(column, _REVIEW_TYPE, F("review_policy_exception")),
        )
        sign = "-" if ordering.startswith("-") else ""
        columns = ("row_id", "sort_number", "sort_key")
        rows = time.values_list(*columns).union(reviews.values_list(*columns), all=True)
        self._rows = rows.order_by(f"{sign}sort_number", f"{sign}sort_key", f"{sign}row_id")

    @override
    def __len__(self) -> int:
        counts = self._allowances.aggregate(
            time=Count("pk", filter=_HAS_TIME), reviews=Count("pk", filter=_HAS_REVIEW_EXCEPTION)
        )
        return int(counts["time"]) + int(counts["reviews"])

    @override
    def __getitem__(self, place: Any) -> Any:
        row_ids = [row_id for row_id, *_ in self._rows[place]]
        allowances = StudentAllowance.objects.select_related("user", "exam__provider").in_bulk(set(map(abs, row_ids)))
        rows = (_row(row_id, allowances.get(abs(row_id))) for row_id in row_ids)
        return [row for row in rows if row is not None]  # one may be gone since


def _row(row_id: int, allowance: StudentAllowance | None) -> AllowanceRow | None:
    """Return the row as the allowance is now; None where it has been taken away."""
    if allowance is None:
        return None
    for kind in allowance.types:
        if (kind == AllowanceType.REVIEW_POLICY_EXCEPTION) == (row_id < 0):
            return AllowanceRow(row_id, allowance, kind)
    return None


def _sort_key(column: str, row_type: Combinable, value: Combinable) -> Cast:
    """Choose what a list of allowances is sorted by."""
    own = {"allowance_type": row_type, "key": row_type, "value": value}
    return _text({**_PEOPLE, **own}.get(column, Value("")))
