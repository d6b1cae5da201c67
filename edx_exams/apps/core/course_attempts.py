"""The course team's list of attempts: search, order, results of the proctoring tool, CSV."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import batched
from typing import Any, Final, NamedTuple, TypedDict

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from edx_exams.apps.core.instance_attempts import attempts_of_instance
from edx_exams.apps.core.models import AssessmentControlResult, Exam, ExamAttempt
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
#: Fields of the tool's termination, and their columns.
_REVIEW_FIELDS: Final = {
    "submission_time": "incident_time",
    "severity": "severity",
    "submission_reason": "reason_code",
}
#: Ids that a statement lists at most.
_MAX_LISTED: Final = 1_000
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
    """A choice of attempts of an exam, or of all exams of a course, retired instances included, and their order."""

    course_id: str
    exam: Exam | None = None
    search: str = ""
    status: str = ""
    ordering: str = ""


def select_attempts(selection: Selection) -> QuerySet[ExamAttempt]:
    """Return the attempts selected, newest first unless another order is asked for. No statement is made yet."""
    if selection.exam is None:
        attempts = ExamAttempt.objects.filter(exam__course_id=selection.course_id)
    else:
        attempts = attempts_of_instance(selection.exam)
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


def attempt_rows(attempts: QuerySet[ExamAttempt], *, with_incidents: bool = False) -> list[dict[str, Any]]:
    """
    Return the list's rows: two statements for any number of attempts.

    :param attempts: as `select_attempts` selects them, cut to a page
    :param with_incidents: add the tool's other results, which are not read otherwise
    """
    rows = [dict(zip(_FIELDS, values, strict=True)) for values in attempts.values_list(*_FIELDS.values())]
    results = _results_of(rows, with_incidents=with_incidents)
    for row in rows:
        theirs = results.get(row["attempt_id"], ())
        terminations = (result for result in theirs if result.action_type == ControlAction.TERMINATE)
        row["proctored_review"] = next(map(_review, terminations), None)
        if with_incidents:
            row["incidents"] = [_incident(result) for result in theirs if result.action_type != ControlAction.TERMINATE]
    return rows


def _results_of(
    rows: Sequence[Mapping[str, Any]], *, with_incidents: bool
) -> Mapping[int, list[AssessmentControlResult]]:
    """Return the tool's results by attempt, oldest first: one statement for any number of attempts."""
    if not rows:
        return {}
    ids = [row["attempt_id"] for row in rows]
    results = AssessmentControlResult.objects.all() if with_incidents else _terminations()
    if len(ids) <= _MAX_LISTED:
        results = results.filter(attempt_id__in=ids)
    else:  # by the ids' range and their exams, for a list of a million ids is more than a database takes
        exams = {row["exam_id"] for row in rows}
        results = results.filter(attempt__pk__range=(min(ids), max(ids)), attempt__exam_id__in=exams)
    by_attempt: dict[int, list[AssessmentControlResult]] = {}
    for result in results.order_by("incident_time", "pk"):
        by_attempt.setdefault(result.attempt_id, []).append(result)
    return by_attempt


def _severity(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _review(result: AssessmentControlResult) -> Review:
    return {
        "submission_time": result.incident_time,
        "severity": _severity(result.severity),
        "submission_reason": reason_text(result.reason_code),
    }


def _incident(result: AssessmentControlResult) -> Incident:
    return {
        "action": result.action_type,
        "incident_time": result.incident_time,
        "severity": _severity(result.severity),
        "reason": reason_text(result.reason_code),
        "message": result.reason_message,
        "extra_time_mins": result.extra_time_mins,
    }


#: Characters at the start of a cell that make spreadsheets take it for a formula; the last four are full-width ones.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_rows(attempts: QuerySet[ExamAttempt]) -> Iterator[list[Any]]:
    """
    Yield all these attempts as rows of a spreadsheet, a header first; no name in them can run as a formula.

    Memory does not grow with their number but for their ids: each batch is read when it is its turn.
    """
    yield list(COLUMNS)
    for ids in batched(attempts.values_list("pk", flat=True), _CSV_BATCH):
        rows = {row["attempt_id"]: row for row in attempt_rows(ExamAttempt.objects.filter(pk__in=ids))}
        for attempt_id in ids:
            if row := rows.get(attempt_id):  # not reset in the meantime
                flat = {**row, **(row["proctored_review"] or {})}
                yield [_cell(flat.get(column)) for column in COLUMNS]


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
