# SPDX-License-Identifier: AGPL-3.0-only
"""A course's exams: looked up, kept as its authors want them, retired, replaced. The only code that writes an exam."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from edx_exams.apps.core import opaque_keys
from edx_exams.apps.core.data import ExamDefinition
from edx_exams.apps.core.exam_instances import Changes, Instances, Reasons, edit
from edx_exams.apps.core.exam_types import PRACTICE_TYPES
from edx_exams.apps.core.exceptions import ExamIsActiveAlready
from edx_exams.apps.core.models import Exam, ProctoringProvider, User
from edx_exams.apps.core.prepared import Prepared, PreparedRows, newest
from edx_exams.apps.core.transactions import lock_configuration, write_transaction

_of_id: Final = Prepared(Exam, lambda exam_id: Exam.objects.filter(pk=exam_id), int, related=("provider",))
_active_of_content: Final = Prepared(
    Exam,
    lambda course_id, content_id: Exam.objects.filter(course_id=course_id, content_id=content_id, is_active=True),
    str,
    str,
    related=("provider",),
)
#: Columns that a course's list shows.
_LISTED: Final = (
    "id",
    "exam_name",
    "course_id",
    "content_id",
    "time_limit_mins",
    "due_date",
    "exam_type",
    "hide_after_due",
    "is_active",
)
_listed: Final = PreparedRows(Exam, lambda course_id: get_course_exams(course_id).values_list(*_LISTED), str)


# Reading


def get_exam_by_id(exam_id: int) -> Exam | None:
    """The exam, active or not, with its provider; None if there is none."""
    return newest(_of_id(exam_id))


def get_exam_by_content_id(content_id: str) -> Exam | None:
    """
    The active exam of a piece of content, None if there is none or the id is no usage key.

    The key names the course. An old one (`i4x://…`) names no run: then it is the newest exam of that content.
    """
    if opaque_keys.usage_key(content_id) is None:
        return None
    if course_id := opaque_keys.course_named_by(content_id):
        return get_course_exam(course_id, content_id)
    return newest(Exam.objects.select_related("provider").filter(content_id=content_id, is_active=True))


def get_course_exam(course_id: str, content_id: str) -> Exam | None:
    """The course's active exam of a piece of content with its provider, None if there is none."""
    return newest(_active_of_content(course_id, content_id))


def get_course_exams(course_id: str) -> QuerySet[Exam]:
    """The course's active exams, by id."""
    return Exam.objects.filter(course_id=course_id, is_active=True).order_by("pk")


def exam_rows(course_id: str) -> list[dict[str, Any]]:
    """Return the course's active exams as the API lists them, by id. One statement."""
    return [dict(zip(_LISTED, row, strict=True)) for row in _listed(course_id)]


def get_provider_by_exam_id(exam_id: int) -> ProctoringProvider | None:
    """Return the exam's proctoring provider; None if it has none or there is no such exam."""
    exam = get_exam_by_id(exam_id)
    return exam.provider if exam else None


def get_course_exam_by_id(course_id: str, exam_id: int) -> Exam | None:
    """The course's exam with its provider, active or not; None if the course has none of this id."""
    exam = get_exam_by_id(exam_id)
    return exam if exam and exam.course_id == course_id else None


def get_exam_provider(course_id: str, exam_id: int) -> ProctoringProvider | None:
    """Return the proctoring provider of this exam of the course; None if it has none or the course has no such exam."""
    exam = get_course_exam_by_id(course_id, exam_id)
    return exam.provider if exam else None


def get_exam_url_path(course_id: str, content_id: str) -> str:
    """Return the address at which the learning MFE shows the exam."""
    return f"{settings.LEARNING_MICROFRONTEND_URL}/course/{course_id}/{content_id}"


def is_exam_passed_due(exam: Mapping[str, Any], now: datetime | None = None) -> bool:
    """
    Check whether a serialized exam's due date has passed. For practice and onboarding exams it never has.

    :param exam: with `due_date` (datetime, ISO 8601 text or None), and `exam_type` or `is_practice_exam`
    """
    due_date = exam.get("due_date")
    if isinstance(due_date, str):
        due_date = parse_datetime(due_date)
    if due_date is None or exam.get("is_practice_exam") or exam.get("exam_type") in PRACTICE_TYPES:
        return False
    return bool(due_date <= (now or timezone.now()))


# Writing

_PUSHED: Final = Reasons(
    retired="no longer among the course's exams",
    changed="changed by the course's authors",
    returned="made active again by the course's authors",
    created="pushed by the course's authors",
)
_PROVIDER_CHANGED: Final = Reasons(*4 * ["the course's proctoring provider has changed"])


@write_transaction
def sync_course_exams(course_id: str, wanted: Sequence[ExamDefinition], *, by: User) -> None:
    """
    Make a course's active exams what its authors want. Those that they do not name are retired.

    With another type an exam is another instance (`core.exam_instances`): the old one retires, with its attempts.

    :param wanted: no `content_id` twice
    """
    configuration = lock_configuration(course_id)
    instances = Instances(course_id)
    changes = Changes(instances, retired=list(instances.surplus))
    unclaimed = dict(instances.active)
    for definition in wanted:
        changes.definitions[definition.content_id] = definition
        exam = unclaimed.pop(definition.content_id, None)
        if exam and exam.exam_type == definition.exam_type:
            changes.redefine(exam, definition)
            continue
        if exam:
            changes.retired.append(exam)
        if definition.is_active:
            changes.bring(definition, configuration.provider_id)
    changes.retired += unclaimed.values()
    changes.write(by=by, reasons=_PUSHED)


def replace_for_provider(course_id: str, provider_id: int | None, *, by: User | None) -> None:
    """
    Make the course's active exams instances of another provider.

    The caller's transaction holds the lock on the course's configuration.
    """
    instances = Instances(course_id)
    changes = Changes(instances, retired=list(instances.surplus))
    for exam in instances.active.values():
        changes.change_provider(exam, provider_id)
    changes.write(by=by, reasons=_PROVIDER_CHANGED)


@write_transaction
def edit_exam(exam: Exam, fields: Sequence[str], *, by: User) -> None:
    """
    Write these fields of an exam, as somebody changed them by hand.

    :raises ExamIsActiveAlready: another exam of its content is
    """
    lock_configuration(exam.course_id)
    refuse_second_active(exam)
    edit(exam, fields, by=by, reason="changed in the admin")


@write_transaction
def add_exam(course_id: str, definition: ExamDefinition, *, by: User) -> Exam:
    """
    Add one exam to a course's active exams, as if its authors had published it with the others.

    :raises ExamIsActiveAlready: another exam of its content is
    """
    lock_configuration(course_id)
    active = list(get_course_exams(course_id))
    if any(exam.content_id == definition.content_id for exam in active):
        message = "This content has another active exam, which must be retired first."
        raise ExamIsActiveAlready(message)
    names = ExamDefinition._fields
    kept = [ExamDefinition(**{name: getattr(exam, name) for name in names}) for exam in active]
    sync_course_exams(course_id, [*kept, definition], by=by)
    return get_course_exams(course_id).get(content_id=definition.content_id)


def refuse_second_active(exam: Exam) -> None:
    """
    Keep to one active exam of a content: the constraint that says so holds on some databases only.

    :raises ExamIsActiveAlready: this one is to be active beside another
    """
    others = get_course_exams(exam.course_id).filter(content_id=exam.content_id).exclude(pk=exam.pk)
    if exam.is_active and others.exists():
        message = "This content has another active exam, which must be retired first."
        raise ExamIsActiveAlready(message)
