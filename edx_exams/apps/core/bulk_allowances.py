"""
Allowances for many people and exams at once, each pair judged by itself: the platform's instructor dashboard.

A constant number of statements, whatever the numbers of people and exams.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from edx_exams.apps.core import clock
from edx_exams.apps.core.allowance_types import TIME_TYPES, AllowanceType, AllowanceValue
from edx_exams.apps.core.exams import get_course_exams
from edx_exams.apps.core.models import Exam, StudentAllowance, User
from edx_exams.apps.core.owed_time import give_to_learners, instances_of
from edx_exams.apps.core.transactions import lock_configuration, lock_users, upsert, write_transaction

#: A username or an e-mail address as text; as a number an LMS user id, or minus the id of a user's row.
Identifier = str | int

_FIELDS = ("extra_time_mins", "time_multiplier", "review_policy_exception")


class AllowanceOutcome(NamedTuple):
    """
    The result for one person and one exam.

    :param error: the reason, where nothing was done
    :param replaced: the type of the allowance that made way for this one
    """

    identifier: Identifier
    exam_id: int
    error: str | None = None
    replaced: AllowanceType | None = None


def give_allowances(
    course_id: str,
    exam_ids: Sequence[int],
    identifiers: Sequence[Identifier],
    *,
    allowance_type: AllowanceType,
    value: AllowanceValue,
    granted_by: User,
) -> list[AllowanceOutcome]:
    """
    Give each of these people the allowance for each of these exams of the course.

    Extra minutes and a multiplier replace each other; a review exception stands beside them. A learner in the middle of
    the content gets at once what is owed now. Who or what cannot be found is told in its row; the others are done.

    :param value: minutes, a multiplier, or words, as the type demands
    :returns: a row for each pair, people in the order given, each with the exams in the order given
    """
    people = _People(identifiers)  # before the transaction, whose first statements must be its locks
    return _give(course_id, exam_ids, people, allowance_type=allowance_type, value=value, granted_by=granted_by)


@write_transaction
def _give(
    course_id: str,
    exam_ids: Sequence[int],
    people: "_People",
    *,
    allowance_type: AllowanceType,
    value: AllowanceValue,
    granted_by: User,
) -> list[AllowanceOutcome]:
    lock_configuration(course_id)
    lock_users([granted_by.pk, *people.ids])
    exams = {exam.pk: exam for exam in get_course_exams(course_id).filter(pk__in=set(exam_ids))}
    present = _allowances(exams, people.ids)
    outcomes, written = [], {}
    for identifier in people.identifiers:
        user_id, problem = people.find(identifier)
        for exam_id in exam_ids:
            exam = exams.get(exam_id)
            if user_id is None or exam is None:
                error = problem or _("There is no active exam {exam_id} in this course.").format(exam_id=exam_id)
                outcomes.append(AllowanceOutcome(identifier, exam_id, error))
                continue
            before = present.get((user_id, exam_id))
            row, replaced = _with(before, user_id, exam, allowance_type, value)
            written[user_id, exam_id] = row
            outcomes.append(AllowanceOutcome(identifier, exam_id, replaced=replaced))
    upsert(list(written.values()), unique=("user", "exam"), update=(*_FIELDS, "modified"))
    if allowance_type in TIME_TYPES:
        _give_what_is_owed(exams.values(), {user_id for user_id, _ in written}, by=granted_by)
    return outcomes


def take_allowances(
    course_id: str,
    exam_id: int,
    identifiers: Sequence[Identifier],
    *,
    allowance_type: AllowanceType,
    revoked_by: User,
) -> list[AllowanceOutcome]:
    """
    Take the allowance of this type for an exam away from each of these people. A running attempt keeps its time.

    :returns: a row for each, in the order given; who has no such allowance is told so
    """
    return _take(course_id, exam_id, _People(identifiers), allowance_type=allowance_type, revoked_by=revoked_by)


@write_transaction
def _take(
    course_id: str, exam_id: int, people: "_People", *, allowance_type: AllowanceType, revoked_by: User
) -> list[AllowanceOutcome]:
    lock_configuration(course_id)
    lock_users([revoked_by.pk, *people.ids])
    present = _allowances([exam_id], people.ids)
    outcomes: list[AllowanceOutcome] = []
    emptied: list[StudentAllowance] = []
    kept: list[StudentAllowance] = []
    for identifier in people.identifiers:
        user_id, problem = people.find(identifier)
        allowance = present.pop((user_id, exam_id), None) if user_id is not None else None
        if allowance is None or allowance_type not in allowance.types:
            error = problem or _("This learner has no such allowance.")
            outcomes.append(AllowanceOutcome(identifier, exam_id, error))
            continue
        (emptied if len(allowance.types) == 1 else kept).append(allowance)
        if allowance_type == AllowanceType.REVIEW_POLICY_EXCEPTION:
            allowance.review_policy_exception = None
        else:
            allowance.extra_time_mins, allowance.time_multiplier = 0, None
        outcomes.append(AllowanceOutcome(identifier, exam_id))
    upsert(kept, unique=("user", "exam"), update=(*_FIELDS, "modified"))
    StudentAllowance.objects.filter(pk__in=[allowance.pk for allowance in emptied]).delete()
    return outcomes


def _allowances(exam_ids: Iterable[int], user_ids: Iterable[int]) -> dict[tuple[int, int], StudentAllowance]:
    rows = StudentAllowance.objects.filter(exam_id__in=set(exam_ids), user_id__in=set(user_ids))
    return {(row.user_id, row.exam_id): row for row in rows}


def _with(
    before: StudentAllowance | None, user_id: int, exam: Exam, allowance_type: AllowanceType, value: AllowanceValue
) -> tuple[StudentAllowance, AllowanceType | None]:
    """Return the allowance as it will be, and the type that it replaces."""
    row = StudentAllowance(user_id=user_id, exam=exam, extra_time_mins=0)
    time_before = None
    if before is not None:
        for name in _FIELDS:
            setattr(row, name, getattr(before, name))
        time_before = next((kind for kind in before.types if kind in TIME_TYPES), None)
    if allowance_type == AllowanceType.REVIEW_POLICY_EXCEPTION:
        row.review_policy_exception = str(value)
        return row, None
    if isinstance(value, Decimal):
        row.time_multiplier = value
        row.extra_time_mins = clock.extra_minutes(row, exam.time_limit_mins)  # for readers that know no multiplier
    else:
        row.time_multiplier, row.extra_time_mins = None, int(value)
    return row, time_before if time_before != allowance_type else None


def _give_what_is_owed(exams: Iterable[Exam], learners: set[int], *, by: User) -> None:
    instances = {exam.pk for exam in instances_of(exams)}
    give_to_learners(instances, learners, by=by, reason="allowance given by course staff")


class _People:
    """
    The people whom a request names: two statements for any number of them.

    Text is a username, else an e-mail address, of which case is ignored. A number is an LMS user id, or minus the id of
    a user's row. Several rows of an LMS id may exist in old databases: then the number names nobody for sure.
    """

    def __init__(self, identifiers: Sequence[Identifier]) -> None:
        self.identifiers = identifiers
        texts = {identifier for identifier in identifiers if isinstance(identifier, str)}
        numbers = {identifier for identifier in identifiers if isinstance(identifier, int)}
        emails = {text.lower() for text in texts if "@" in text}
        rows = User.objects.filter(
            Q(username__in=texts)
            | Q(lms_user_id__in={number for number in numbers if number > 0})
            | Q(pk__in={-number for number in numbers if number < 0})
        ).values_list("pk", "username", "lms_user_id")
        self._by_text: dict[str, list[int]] = {}
        self._by_number: dict[int, list[int]] = {}
        for pk, username, lms_user_id in rows:
            self._by_text.setdefault(username, []).append(pk)
            if lms_user_id is not None:
                self._by_number.setdefault(lms_user_id, []).append(pk)
            self._by_number.setdefault(-pk, []).append(pk)
        self._by_email: dict[str, list[int]] = {}
        if emails:
            people = User.objects.annotate(lower_email=Lower("email")).filter(lower_email__in=emails)
            for pk, email in people.values_list("pk", "email"):
                self._by_email.setdefault(email.lower(), []).append(pk)
        self.ids: Mapping[int, None] = dict.fromkeys(
            found[0] for identifier in identifiers if len(found := self._candidates(identifier)) == 1
        )

    def find(self, identifier: Identifier) -> tuple[int | None, str | None]:
        """Return the person's user id, or the reason why there is none."""
        found = self._candidates(identifier)
        if len(found) == 1:
            return found[0], None
        if found:
            return None, _("Several people have this address or number. Name one by username.")
        return None, _("There is no learner of this name, address or number.")

    def _candidates(self, identifier: Identifier) -> list[int]:
        if isinstance(identifier, int):
            return self._by_number.get(identifier, [])
        return self._by_text.get(identifier) or self._by_email.get(identifier.lower(), [])
