# SPDX-License-Identifier: AGPL-3.0-only
"""
Invariants of a course, whatever happened at the same time, told from its rows, their history and the outbox alone.

Each finding is a line of text; none is the only good number of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.events.models import OutboxEvent

IN_PROGRESS: Final = frozenset({"started", "ready_to_submit"})
UNFINISHED: Final = IN_PROGRESS | {"created", "download_software_clicked", "ready_to_start"}
FINISHED: Final = frozenset({"timed_out", "submitted", "second_review_required", "verified", "rejected", "error"})

EVENT: Final = "org.openedx.learning.exam.attempt.{}.v1"
OWED_ON_ENTERING: Final = {
    "submitted": EVENT.format("submitted"),
    "verified": EVENT.format("verified"),
    "rejected": EVENT.format("rejected"),
    "error": EVENT.format("errored"),
}
OWED_ON_DELETING: Final = EVENT.format("reset")

ATTEMPT_FIELDS: Final = (
    "user_id",
    "exam_id",
    "attempt_number",
    "status",
    "start_time",
    "end_time",
    "allowed_time_limit_mins",
)
EXAM_FIELDS: Final = (
    "resource_id",
    "course_id",
    "content_id",
    "exam_name",
    "exam_type",
    "time_limit_mins",
    "due_date",
    "hide_after_due",
    "is_active",
    "provider_id",
)

DELETED: Final = "-"


def anomalies(course_id: str, alias: str) -> list[str]:
    """
    Everything that is wrong in a course.

    :param course_id: a course whose learners take exams of no other
    :param alias: of the database in ``django.db.connections``
    """
    exams = list(Exam.objects.using(alias).filter(course_id=course_id))
    exam_ids = [exam.pk for exam in exams]
    attempts = list(ExamAttempt.objects.using(alias).filter(exam_id__in=exam_ids))
    exam_history = _by_id(Exam.history.using(alias).filter(course_id=course_id).order_by("history_id"))
    attempt_history = _by_id(ExamAttempt.history.using(alias).filter(exam_id__in=exam_ids).order_by("history_id"))
    return [
        *_repeated("active exam", ((exam.content_id,) for exam in exams if exam.is_active)),
        *_repeated("instance", ((exam.content_id, exam.exam_type, exam.provider_id) for exam in exams)),
        *_repeated("attempt of one user and exam", ((attempt.user_id, attempt.exam_id) for attempt in attempts)),
        *_repeated(
            "attempt in progress of one user",
            ((attempt.user_id,) for attempt in attempts if attempt.status in IN_PROGRESS),
        ),
        *_unlike_history("exam", exams, exam_history, EXAM_FIELDS),
        *_unlike_history("attempt", attempts, attempt_history, ATTEMPT_FIELDS),
        *(finding for rows in attempt_history.values() for finding in _impossible_attempt_life(rows)),
        *_wrong_events(course_id, alias, {exam.pk: exam.content_id for exam in exams}, attempt_history),
    ]


def _by_id(history: Iterable[Any]) -> dict[int, list[Any]]:
    rows: dict[int, list[Any]] = defaultdict(list)
    for row in history:
        rows[row.id].append(row)
    return rows


def _repeated(what: str, keys: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    seen: dict[tuple[Any, ...], int] = defaultdict(int)
    for key in keys:
        seen[key] += 1
    yield from (f"{times} x {what}: {key}" for key, times in seen.items() if times > 1)


def _values(row: Any, fields: Iterable[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, field) for field in fields)


def _unlike_history(
    what: str, rows: Iterable[Any], history: dict[int, list[Any]], fields: tuple[str, ...]
) -> Iterator[str]:
    """A row and the last word of its history are one; a deleted row stays deleted; nothing vanishes without a word."""
    there = {row.pk: row for row in rows}
    for pk, row in there.items():
        if pk not in history:
            yield f"{what} {pk} has no history"
        elif history[pk][-1].history_type == DELETED:
            yield f"{what} {pk} was deleted, and is there again"
        elif _values(row, fields) != _values(history[pk][-1], fields):
            yield f"{what} {pk} is {_values(row, fields)}, its history says {_values(history[pk][-1], fields)}"
    for pk, life in history.items():
        if pk not in there and life[-1].history_type != DELETED:
            yield f"{what} {pk} is gone without a word in its history"
        if sum(change.history_type == "+" for change in life) != 1:
            yield f"{what} {pk} was created {sum(change.history_type == '+' for change in life)} times"


def _impossible_attempt_life(life: list[Any]) -> Iterator[str]:
    """List what one attempt's history may never show."""
    for before, after in pairwise(life):
        if before.history_type == DELETED:
            yield f"attempt {after.id} lived on after it was deleted: {after.status}"
        if after.history_type != DELETED:
            yield from _impossible_change(before, after)
    for row in life:
        if row.status == "submitted" and row.end_time is None:
            yield f"attempt {row.id} is submitted without an end"
        if row.status in IN_PROGRESS and (row.start_time is None or row.allowed_time_limit_mins is None):
            yield f"attempt {row.id} is {row.status} without start or time limit"


def _impossible_change(before: Any, after: Any) -> Iterator[str]:
    """List what may not happen to an attempt between two rows of its history."""
    if before.status in FINISHED and after.status in UNFINISHED:
        yield f"attempt {after.id} went from {before.status} back to {after.status}"
    if _content(before) == _content(after):
        yield f"attempt {after.id} has a history row in which nothing changes: {after.status}"
    for fixed_once_set in ("start_time", "end_time"):
        was, is_now = getattr(before, fixed_once_set), getattr(after, fixed_once_set)
        if was is not None and is_now != was:
            yield f"attempt {after.id} changed its {fixed_once_set} from {was} to {is_now}"
    had, has = before.allowed_time_limit_mins or 0, after.allowed_time_limit_mins or 0
    if has < had:
        yield f"attempt {after.id} lost time: {had} to {has} minutes"


def _content(history_row: Any) -> tuple[Any, ...]:
    """The attempt as a history row has it, without date, user and reason."""
    names = [field.attname for field in history_row._meta.concrete_fields]
    return _values(history_row, (name for name in names if name != "modified" and not name.startswith("history_")))


def _wrong_events(
    course_id: str, alias: str, content_ids: dict[int, str], history: dict[int, list[Any]]
) -> Iterator[str]:
    """Each learner's events are those that the history owes, in its order."""
    changes = sorted((row for life in history.values() for row in life), key=lambda row: row.history_id)
    lms_user_ids = dict(
        User.objects.using(alias).filter(pk__in={row.user_id for row in changes}).values_list("pk", "lms_user_id")
    )
    owed: dict[int | None, list[tuple[str, str]]] = defaultdict(list)
    status: dict[int, str] = {}
    for row in changes:
        event = OWED_ON_DELETING if row.history_type == DELETED else None
        if event is None and status.get(row.id) != row.status:
            event = OWED_ON_ENTERING.get(row.status)
        status[row.id] = row.status
        if event:
            owed[lms_user_ids[row.user_id]].append((event, content_ids[row.exam_id]))
    recorded: dict[int | None, list[tuple[str, str]]] = defaultdict(list)
    for outbox in OutboxEvent.objects.using(alias).filter(data__exam_attempt__course_key=course_id).order_by("pk"):
        attempt = outbox.data["exam_attempt"]
        recorded[attempt["student_user"]["id"]].append((outbox.event_type, attempt["usage_key"]))
    for learner in owed.keys() | recorded.keys():
        if owed[learner] != recorded[learner]:
            yield f"learner {learner} is owed the events {owed[learner]}, recorded are {recorded[learner]}"
