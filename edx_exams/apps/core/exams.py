"""A course's exams: looked up, kept as its authors want them, retired, replaced. The only code that writes an exam."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from edx_exams.apps.core import history, opaque_keys
from edx_exams.apps.core.data import ExamDefinition
from edx_exams.apps.core.exam_types import PRACTICE_TYPES, get_exam_type
from edx_exams.apps.core.exceptions import ExamIsActiveAlready
from edx_exams.apps.core.models import Exam, ProctoringProvider, StudentAllowance, User
from edx_exams.apps.core.transactions import lock_configuration, lock_users, write_transaction

#: What a course's authors may change of an exam without making it another one.
_UPDATED_IN_PLACE: Final = ("exam_name", "time_limit_mins", "due_date", "hide_after_due", "is_active")


# Reading


def get_exam_by_id(exam_id: int) -> Exam | None:
    """The exam, active or not, with its provider; None if there is none."""
    return Exam.objects.select_related("provider").filter(pk=exam_id).first()


def get_exam_by_content_id(content_id: str) -> Exam | None:
    """
    The active exam of a piece of content, None if there is none or the id is no usage key.

    The key names the course. An old one (`i4x://…`) names no run: then it is the newest exam of that content.
    """
    if opaque_keys.usage_key(content_id) is None:
        return None
    exams = Exam.objects.filter(content_id=content_id, is_active=True)
    if course_id := opaque_keys.course_named_by(content_id):
        exams = exams.filter(course_id=course_id)
    return _newest(exams)


def get_course_exam(course_id: str, content_id: str) -> Exam | None:
    """The course's active exam of a piece of content with its provider, None if there is none."""
    return _newest(get_course_exams(course_id).filter(content_id=content_id))


def _newest(exams: QuerySet[Exam]) -> Exam | None:
    """Databases that grew under the earlier service hold several active exams of one content: the newest counts."""
    return exams.select_related("provider").order_by("-created", "-pk").first()


def get_course_exams(course_id: str) -> QuerySet[Exam]:
    """The course's active exams, by id."""
    return Exam.objects.filter(course_id=course_id, is_active=True).order_by("pk")


def get_provider_by_exam_id(exam_id: int) -> ProctoringProvider | None:
    """Who proctors the exam, None if nobody does or there is no such exam."""
    exam = get_exam_by_id(exam_id)
    return exam.provider if exam else None


def get_course_exam_by_id(course_id: str, exam_id: int) -> Exam | None:
    """The course's exam with its provider, active or not; None if the course has none of this id."""
    return Exam.objects.select_related("provider").filter(pk=exam_id, course_id=course_id).first()


def get_exam_provider(course_id: str, exam_id: int) -> ProctoringProvider | None:
    """Who proctors this exam of the course, None if nobody does or the course has no such exam."""
    exam = get_course_exam_by_id(course_id, exam_id)
    return exam.provider if exam else None


def get_exam_url_path(course_id: str, content_id: str) -> str:
    """Where the learning MFE shows the exam."""
    return f"{settings.LEARNING_MICROFRONTEND_URL}/course/{course_id}/{content_id}"


def is_exam_passed_due(exam: Mapping[str, Any], now: datetime | None = None) -> bool:
    """
    Whether a serialized exam's due date has passed. For practice and onboarding exams it never has.

    :param exam: with `due_date` (datetime, ISO 8601 text or None), and `exam_type` or `is_practice_exam`
    """
    due_date = exam.get("due_date")
    if isinstance(due_date, str):
        due_date = parse_datetime(due_date)
    if due_date is None or exam.get("is_practice_exam") or exam.get("exam_type") in PRACTICE_TYPES:
        return False
    return bool(due_date <= (now or timezone.now()))


# Writing


class _Replacement(NamedTuple):
    """An exam that retires, and the one that takes its place and its learners' allowances."""

    old: Exam
    new: Exam


@write_transaction
def sync_course_exams(course_id: str, wanted: Sequence[ExamDefinition], *, by: User) -> None:
    """
    Make a course's active exams what its authors want. What they do not name is retired.

    An exam whose type changes is retired and replaced, for attempts stay with the exam that they were made for.

    :param wanted: no `content_id` twice
    """
    configuration = lock_configuration(course_id)
    unclaimed, surplus = _active_by_content(course_id)
    retired, updated, created, replacements = list(surplus), [], [], []
    for definition in wanted:
        exam = unclaimed.pop(definition.content_id, None)
        if exam and exam.exam_type == definition.exam_type:
            if _take_over(exam, definition):
                updated.append(exam)
            continue
        if exam:
            retired.append(exam)
        if definition.is_active:
            fresh = _new_exam(course_id, definition, configuration.provider_id)
            created.append(fresh)
            if exam:
                replacements.append(_Replacement(exam, fresh))
    retired += unclaimed.values()

    copies = _lock_allowances(replacements, by)
    _retire(retired, by=by, reason="no longer among the course's exams")
    history.update_many(updated, _UPDATED_IN_PLACE, by=by, reason="changed by the course's authors")
    _insert(created, by=by, reason="pushed by the course's authors")
    _copy_allowances(copies, replacements)


@write_transaction
def edit_exam(exam: Exam, fields: Sequence[str], *, by: User) -> None:
    """
    Write these fields of an exam, as somebody changed them by hand.

    :raises ExamIsActiveAlready: another exam of its content is
    """
    lock_configuration(exam.course_id)
    refuse_second_active(exam)
    lock_users([by.pk])
    history.save_with_history(exam, fields, by=by, reason="changed in the admin")


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


def replace_for_provider(course_id: str, provider_id: int | None, *, by: User | None) -> None:
    """
    Retire every active exam of a course, and make an active copy of each for another provider.

    The caller's transaction holds the lock on the course's configuration.
    """
    active, surplus = _active_by_content(course_id)
    replacements = [_Replacement(exam, _copy_for(exam, provider_id)) for exam in active.values()]
    copies = _lock_allowances(replacements, by)
    reason = "the course's proctoring provider has changed"
    _retire([*surplus, *active.values()], by=by, reason=reason)
    _insert([replacement.new for replacement in replacements], by=by, reason=reason)
    _copy_allowances(copies, replacements)


def _active_by_content(course_id: str) -> tuple[dict[str, Exam], list[Exam]]:
    """The course's active exams by content, and those that should not be active beside them."""
    newest_first = get_course_exams(course_id).order_by("-created", "-pk")
    by_content: dict[str, Exam] = {}
    surplus = [exam for exam in newest_first if by_content.setdefault(exam.content_id, exam) is not exam]
    return by_content, surplus


def _take_over(exam: Exam, definition: ExamDefinition) -> bool:
    """Change the exam in memory. Says whether anything is different now."""
    changes = {name: value for name in _UPDATED_IN_PLACE if getattr(exam, name) != (value := getattr(definition, name))}
    for name, value in changes.items():
        setattr(exam, name, value)
    return bool(changes)


def _provider_for(exam_type: str, provider_id: int | None) -> int | None:
    """The course's provider proctors its proctored exams, and no others."""
    kind = get_exam_type(exam_type)
    return provider_id if kind and kind.name == "proctored" else None


def _new_exam(course_id: str, definition: ExamDefinition, provider_id: int | None) -> Exam:
    return Exam(
        resource_id=str(uuid.uuid4()),
        course_id=course_id,
        provider_id=_provider_for(definition.exam_type, provider_id),
        **definition._asdict(),
    )


def _copy_for(exam: Exam, provider_id: int | None) -> Exam:
    """A copy of the exam for another provider: the same in all else, age and resource id included."""
    kept = {
        field.attname: getattr(exam, field.attname)
        for field in Exam._meta.concrete_fields
        if field.attname not in ("id", "modified", "provider_id")
    }
    return Exam(provider_id=_provider_for(exam.exam_type, provider_id), **kept)


def _retire(exams: Sequence[Exam], *, by: User | None, reason: str) -> None:
    for exam in exams:
        exam.is_active = False
    history.update_many(exams, ["is_active"], by=by, reason=reason)


def _insert(exams: Sequence[Exam], *, by: User | None, reason: str) -> None:
    """Insert active exams of one course, with their history rows."""
    if not exams:
        return
    Exam.objects.bulk_create(exams)
    if any(exam.pk is None for exam in exams):  # MySQL tells no ids of many rows; MariaDB and SQLite do
        ids = dict(get_course_exams(exams[0].course_id).values_list("content_id", "pk"))
        for exam in exams:
            exam.pk = ids[exam.content_id]
    history.record_created(exams, by=by, reason=reason)


def _lock_allowances(replacements: Sequence[_Replacement], by: User | None) -> list[StudentAllowance]:
    """
    The allowances of exams that are about to be replaced, their learners locked, and whoever acts too.

    Before any exam is written: a learner who begins one holds their own row and waits for the exam's.
    """
    allowances = []
    if replacements:
        exams = [replacement.old.pk for replacement in replacements]
        allowances = list(StudentAllowance.objects.filter(exam_id__in=exams).order_by("pk"))
    lock_users([by.pk if by else None, *(allowance.user_id for allowance in allowances)])
    return allowances


def _copy_allowances(allowances: Sequence[StudentAllowance], replacements: Sequence[_Replacement]) -> None:
    new_id = {replacement.old.pk: replacement.new.pk for replacement in replacements}
    StudentAllowance.objects.bulk_create(
        StudentAllowance(
            user_id=allowance.user_id,
            exam_id=new_id[allowance.exam_id],
            extra_time_mins=allowance.extra_time_mins,
        )
        for allowance in allowances
    )
