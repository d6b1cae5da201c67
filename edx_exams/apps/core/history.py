# SPDX-License-Identifier: AGPL-3.0-only
"""Every change of an exam or an attempt leaves a row that says who and why."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from django.db.models import Model
from django.utils import timezone

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.unstorable_text import storable

#: Characters that the history keeps of a reason.
LONGEST_REASON: Final = 100


def save_with_history(row: Exam | ExamAttempt, fields: Sequence[str], *, by: User | None, reason: str) -> None:
    """Update these fields of a locked row, `modified` with them, and leave the history row."""
    set_history_metadata(row, by=by, reason=reason)
    row.save(update_fields=[*fields, "modified"])


def set_history_metadata(row: Exam | ExamAttempt, *, by: User | None, reason: str) -> None:
    """Set who changes this row next and why: the history row of the next save has it."""
    # django-simple-history reads these; without them it would take the session's user, who may be someone else.
    row._history_user = by  # type: ignore[union-attr]
    kept = storable(reason, _history_of(type(row)), "history_change_reason")  # it may quote what a browser sent
    row._change_reason = kept[:LONGEST_REASON]  # type: ignore[union-attr]


@cache
def _history_of(model: type[Exam | ExamAttempt]) -> type[Model]:
    """Return the model of the history: django-simple-history makes a class of its own whenever it is asked."""
    found: type[Model] = model.history.model
    return found


def record_created(exams: Sequence[Exam], *, by: User | None, reason: str) -> None:
    """Leave the history rows of exams that a bulk write made: one statement."""
    Exam.history.bulk_history_create(exams, default_user=by, default_change_reason=reason[:LONGEST_REASON])


def update_many[Row: (Exam, ExamAttempt)](
    rows: Sequence[Row], fields: Sequence[str], *, by: User | None, reason: str
) -> None:
    """Update these fields of many rows, `modified` with them, and leave their history rows: two statements."""
    if not rows:
        return
    now = timezone.now()
    for row in rows:
        row.modified = now
    model = type(rows[0])
    model._default_manager.bulk_update(rows, [*fields, "modified"])
    model.history.bulk_history_create(rows, update=True, default_user=by, default_change_reason=reason[:LONGEST_REASON])
