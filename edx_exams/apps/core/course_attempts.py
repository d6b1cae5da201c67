# SPDX-License-Identifier: AGPL-3.0-only
"""The course team's list of attempts: search, order, results of the proctoring tool, CSV."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import batched
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypedDict

from django.db.models import Count, F, FilteredRelation, OuterRef, Q, QuerySet, Subquery

from edx_exams.apps.core.models import AssessmentControlResult, Exam, ExamAttempt, User
from edx_exams.apps.core.prepared import PreparedForIds, PreparedRows, Row
from edx_exams.apps.core.reasons import reason_text
from edx_exams.apps.core.transition_rules import ControlAction

#: Fields that the list shows of an attempt, and their columns.
_FIELDS: Final = {
    "attempt_id": "pk",
    "attempt_status": "status",
    "start_time": "start_time",
    "end_time": "end_time",
    "allowed_time_limit_mins": "allowed_time_limit_mins",
    "exam_id": "exam_id",
    "exam_type": "exam__exam_type",
    "exam_display_name": "exam__exam_name",
    "username": "user__username",
}
#: Those of them that are read with the attempt, and those of its exam, which are read apart: of a join with that short
#: table MariaDB reads the exams first, and then every attempt of each.
_OF_ATTEMPT: Final = {field: column for field, column in _FIELDS.items() if not column.startswith("exam__")}
_OF_EXAM: Final = {
    field: column.removeprefix("exam__") for field, column in _FIELDS.items() if column.startswith("exam__")
}
#: Fields of the tool's termination, and their columns.
_REVIEW_FIELDS: Final = {
    "submission_time": "incident_time",
    "severity": "severity",
    "submission_reason": "reason_code",
}
#: Attempts of a download that are read at once.
_CSV_BATCH: Final = 1_000
#: Columns of the table that a team downloads.
COLUMNS: Final = (*_FIELDS, *_REVIEW_FIELDS)
#: Orderings by name: every field shown. `proctored_review` as a whole orders by its time.
ORDERINGS: Final = {**_FIELDS, **_REVIEW_FIELDS, "proctored_review": _REVIEW_FIELDS["submission_time"]}


class Review(TypedDict):
    """The proctoring tool's termination of an attempt."""

    submission_time: datetime
    severity: str | None
    submission_reason: str | None


class Incident(TypedDict):
    """Another action or report of the tool."""

    action: str
    incident_time: datetime
    severity: str | None
    reason: str | None
    message: str | None
    extra_time_mins: int | None


class Selection(NamedTuple):
    """A choice of attempts: of an exam (this row alone) or of all exams of a course, retired ones too; their order."""

    course_id: str
    exam: Exam | None = None
    search: str = ""
    status: str = ""
    ordering: str = ""

    @property
    def is_whole_exam(self) -> bool:
        """True if it is all attempts of an exam in their own order: what the interface asks for first, each time."""
        return self.exam is not None and not (self.search or self.status or self.ordering)


def select_attempts(selection: Selection) -> QuerySet[ExamAttempt]:
    """Return the attempts selected, newest first unless another order is asked for. One statement at most so far."""
    if selection.exam is None:
        attempts = ExamAttempt.objects.filter(exam__course_id=selection.course_id)
    else:
        attempts = ExamAttempt.objects.filter(exam_id=selection.exam.pk)
    if selection.search:
        attempts = attempts.filter(
            Q(user__username__icontains=selection.search) | Q(user__email__icontains=selection.search)
        )
    if selection.status:
        attempts = attempts.filter(status=selection.status)
    return _ordered(attempts, selection.ordering)


def _ordered(attempts: QuerySet[ExamAttempt], ordering: str) -> QuerySet[ExamAttempt]:
    column = ordering.removeprefix("-")
    if not column:
        return attempts.order_by("-created", "-pk")
    key = F(ORDERINGS[column])
    if column not in _FIELDS:
        terminations = _terminations().filter(attempt=OuterRef("pk"))
        attempts = attempts.annotate(termination_key=Subquery(terminations.values(ORDERINGS[column])[:1]))
        key = F("termination_key")
    by = key.desc(nulls_last=True) if ordering.startswith("-") else key.asc(nulls_last=True)
    return attempts.order_by(by, "-created", "-pk")


def _terminations() -> QuerySet[AssessmentControlResult]:
    """Return the tool's terminations, the first of each attempt before its others."""
    return AssessmentControlResult.objects.filter(action_type=ControlAction.TERMINATE).order_by("incident_time", "pk")


class Page(NamedTuple):
    """A page of attempts, and the number of all that were selected."""

    total: int
    rows: list[dict[str, Any]]


def attempt_page(selection: Selection, *, offset: int, limit: int, with_incidents: bool = False) -> Page:
    """
    Return a page of attempts: four statements for each thousand of its rows at most.

    The ids come first, from an index alone: what is before the page is then not read. Not so the first page of an exam:
    nothing is before it.

    :param with_incidents: add the tool's other results, which are not read otherwise
    """
    exam = selection.exam
    if exam and selection.is_whole_exam and offset == 0 and not with_incidents:
        newest = _newest_of_exam(limit + 1)(exam.pk)
        # A row for each attempt, unless one has several terminations: the last attempt's may then not all be here.
        if len({values[0] for values in newest}) == len(newest):
            total = sum(number for _, number in _number_of_exam(exam.pk))  # no row where there is none
            return Page(total, _rows(newest[:limit], exam))
    attempts = select_attempts(selection)
    ids = attempts.values_list("pk", flat=True)
    if selection.search:  # it compares every name, so it is made once
        found = list(ids)
        total, page = len(found), found[offset : offset + limit]
    else:
        total, page = attempts.count(), list(ids[offset : offset + limit])
    return Page(total, attempt_rows(page, exam, with_incidents=with_incidents))


def attempt_rows(
    attempt_ids: Sequence[int], exam: Exam | None = None, *, with_incidents: bool = False
) -> list[dict[str, Any]]:
    """
    Return the list's rows of these attempts, in this order: two statements for each thousand, without exams one.

    :param exam: whose attempts they are, if they are of one
    :param with_incidents: add the tool's other results, which are not read otherwise
    """
    place = {attempt_id: number for number, attempt_id in enumerate(attempt_ids)}
    found = (_with_results if with_incidents else _with_terminations)(attempt_ids)
    # Others were reset or deleted in the meantime.
    return _rows(sorted(found, key=lambda values: place[values[0]]), exam, with_incidents=with_incidents)


def _rows(found: Sequence[Row], exam: Exam | None, *, with_incidents: bool = False) -> list[dict[str, Any]]:
    """
    Shape attempts.

    :param found: values of `_OF_ATTEMPT` and of a result of the tool: a row for each result, one where there is none
    """
    if exam:
        exams: dict[int, Row] = {exam.pk: [getattr(exam, column) for column in _OF_EXAM.values()]}
    else:
        exams = {exam_id: of_exam for exam_id, *of_exam in _exams_by_id({values[_EXAM_ID] for values in found})}
    rows: dict[int, dict[str, Any]] = {}
    results: list[tuple[Row, dict[str, Any]]] = []
    for values in found:
        attempt_id, status, start_time, end_time, minutes, exam_id, username = values[:_RESULT_BEGINS]
        if exam_id not in exams:  # deleted in the meantime
            continue
        row = rows.get(attempt_id)
        if row is None:
            exam_type, exam_name = exams[exam_id]
            row = rows[attempt_id] = {
                "attempt_id": attempt_id,
                "attempt_status": status,
                "start_time": start_time,
                "end_time": end_time,
                "allowed_time_limit_mins": minutes,
                "exam_id": exam_id,
                "username": username,
                "exam_type": exam_type,
                "exam_display_name": exam_name,
                "proctored_review": None,
            }
            if with_incidents:
                row["incidents"] = []
        if values[_RESULT_BEGINS] is not None:
            results.append((values[_RESULT_BEGINS:], row))
    for result, row in sorted(results, key=itemgetter(0)):
        if with_incidents and result[_ACTION] != ControlAction.TERMINATE:
            row["incidents"].append(_incident(result))
        elif row["proctored_review"] is None:
            row["proctored_review"] = _review(result)
    return list(rows.values())


_RESULT: Final = "assessmentcontrolresult"
#: Columns of a termination, and of any result. By the first two they are sorted.
_OF_REVIEW: Final = ("incident_time", "pk", "severity", "reason_code")
_OF_INCIDENT: Final = (*_OF_REVIEW, "action_type", "reason_message", "extra_time_mins")
#: Places in a row, and among the values of a result.
_EXAM_ID: Final = list(_OF_ATTEMPT).index("exam_id")
_RESULT_BEGINS: Final = len(_OF_ATTEMPT)
_ACTION: Final = len(_OF_REVIEW)


def _joined_with_terminations(attempts: QuerySet[ExamAttempt]) -> QuerySet[ExamAttempt, Any]:
    """Return the values of `_OF_ATTEMPT` and of each termination, None where there is none."""
    is_termination = Q(**{f"{_RESULT}__action_type": ControlAction.TERMINATE})
    joined = attempts.annotate(
        termination=FilteredRelation(_RESULT, condition=is_termination),
        # Were it a join, MariaDB might begin with the people and sort all of the exam's attempts.
        username=Subquery(User.objects.filter(pk=OuterRef("user_id")).values("username")),
    )
    columns = {**_OF_ATTEMPT, "username": "username"}
    return joined.values_list(*columns.values(), *(f"termination__{column}" for column in _OF_REVIEW))


@lru_cache(maxsize=32)
def _newest_of_exam(limit: int) -> PreparedRows:
    """Make the look-up of an exam's newest attempts with their terminations, a row for each of these."""
    return PreparedRows(
        ExamAttempt,
        lambda exam_id: _joined_with_terminations(_ordered(ExamAttempt.objects.filter(exam_id=exam_id), ""))[:limit],
        int,
    )


_number_of_exam: Final = PreparedRows(
    ExamAttempt,
    lambda exam_id: ExamAttempt.objects.filter(exam_id=exam_id).values_list("exam_id").annotate(Count("pk")),
    int,
)
_with_terminations: Final = PreparedForIds(
    ExamAttempt, lambda ids: _joined_with_terminations(ExamAttempt.objects.filter(pk__in=ids))
)
_with_results: Final = PreparedForIds(
    ExamAttempt,
    lambda ids: ExamAttempt.objects.filter(pk__in=ids).values_list(
        *_OF_ATTEMPT.values(), *(f"{_RESULT}__{column}" for column in _OF_INCIDENT)
    ),
)
_exams_by_id: Final = PreparedForIds(
    Exam, lambda ids: Exam.objects.filter(pk__in=ids).values_list("pk", *_OF_EXAM.values())
)


def _review(result: Row) -> Review:
    incident_time, _, severity, reason_code = result[:_ACTION]
    return {
        "submission_time": incident_time,
        "severity": _severity(severity),
        "submission_reason": reason_text(reason_code),
    }


def _incident(result: Row) -> Incident:
    incident_time, _, severity, reason_code, action, message, extra_time_mins = result
    return {
        "action": action,
        "incident_time": incident_time,
        "severity": _severity(severity),
        "reason": reason_text(reason_code),
        "message": message,
        "extra_time_mins": extra_time_mins,
    }


def _severity(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


#: Characters at the start of a cell that make spreadsheets take it for a formula; the last four are full-width ones.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_rows(attempts: QuerySet[ExamAttempt]) -> Iterator[list[Any]]:
    """
    Yield all these attempts as rows of a spreadsheet, a header first; no name in them can run as a formula.

    Memory does not grow with their number but for their ids: each batch is read when it is its turn.
    """
    yield list(COLUMNS)
    for ids in batched(attempts.values_list("pk", flat=True), _CSV_BATCH):
        for row in attempt_rows(ids):
            flat = {**row, **(row["proctored_review"] or {})}
            yield [_cell(flat.get(column)) for column in COLUMNS]


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
