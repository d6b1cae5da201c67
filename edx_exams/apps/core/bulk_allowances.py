# SPDX-License-Identifier: AGPL-3.0-only
"""
Allowances for many people and exams at once, each pair judged by itself: the platform's instructor dashboard.

A constant number of statements, whatever the numbers of people and exams.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from edx_exams.apps.core import clock
from edx_exams.apps.core.allowance_types import TIME_TYPES, AllowanceType, AllowanceValue
from edx_exams.apps.core.exams import get_course_exams
from edx_exams.apps.core.limits import MAX_INTEGER
from edx_exams.apps.core.models import Exam, StudentAllowance, User
from edx_exams.apps.core.owed_time import give_to_learners, instances_of
from edx_exams.apps.core.transactions import lock_configuration, lock_users, upsert, write_transaction

#: A username or an e-mail address as text; as a number an LMS user id, or minus the id of a user's row.
Identifier = str | int

#: The columns of an allowance without one of its types.
_WITHOUT: Final[Mapping[AllowanceType, Mapping[str, Any]]] = {
    **{kind: {"extra_time_mins": 0, "time_multiplier": None} for kind in TIME_TYPES},
    AllowanceType.REVIEW_POLICY_EXCEPTION: {"review_policy_exception": None},
}


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
    held = _held(exams, people.ids)
    outcomes = []
    for identifier in people.identifiers:
        user_id, problem = people.find(identifier)
        for exam_id in exam_ids:
            exam = exams.get(exam_id)
            if user_id is None or exam is None:
                error = problem or _("There is no active exam {exam_id} in this course.").format(exam_id=exam_id)
                outcomes.append(AllowanceOutcome(identifier, exam_id, error))
                continue
            before = held.get((user_id, exam_id))
            outcomes.append(AllowanceOutcome(identifier, exam_id, replaced=_replaced(before, allowance_type)))
    if allowance_type == AllowanceType.REVIEW_POLICY_EXCEPTION:
        _write_review_exceptions(exams, people.ids, str(value))
    else:
        _write_time([_with_time(exam, user_id, value) for exam in exams.values() for user_id in people.ids])
        instances = {exam.pk for exam in instances_of(exams.values())}
        give_to_learners(instances, people.ids.keys(), by=granted_by, reason="allowance given by course staff")
    return outcomes


def _write_time(allowances: Sequence[StudentAllowance]) -> None:
    upsert(allowances, unique=("user", "exam"), update=("extra_time_mins", "time_multiplier", "modified"))


def _write_review_exceptions(exam_ids: Iterable[int], user_ids: Iterable[int], words: str) -> None:
    """Give all of these people the words for all of these exams. The words are sent once: they may be long."""
    rows = [
        StudentAllowance(user_id=user_id, exam_id=exam_id, extra_time_mins=0)
        for exam_id in exam_ids
        for user_id in user_ids
    ]
    upsert(rows, unique=("user", "exam"), update=("modified",))
    StudentAllowance.objects.filter(exam_id__in=set(exam_ids), user_id__in=set(user_ids)).update(
        review_policy_exception=words, modified=timezone.now()
    )


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
    held = _held([exam_id], people.ids)
    outcomes: list[AllowanceOutcome] = []
    emptied: list[int] = []
    kept: list[int] = []
    for identifier in people.identifiers:
        user_id, problem = people.find(identifier)
        allowance = held.pop((user_id, exam_id), None) if user_id is not None else None
        if allowance is None or allowance_type not in allowance.types:
            error = problem or _("This learner has no such allowance.")
            outcomes.append(AllowanceOutcome(identifier, exam_id, error))
            continue
        (emptied if len(allowance.types) == 1 else kept).append(allowance.pk)
        outcomes.append(AllowanceOutcome(identifier, exam_id))
    StudentAllowance.objects.filter(pk__in=kept).update(**_WITHOUT[allowance_type], modified=timezone.now())
    StudentAllowance.objects.filter(pk__in=emptied).delete()
    return outcomes


class _Held(NamedTuple):
    """An allowance as it is stored, without its words."""

    pk: int
    types: tuple[AllowanceType, ...]


def _held(exam_ids: Iterable[int], user_ids: Iterable[int]) -> dict[tuple[int, int], _Held]:
    """Return what each of these people has for each of these exams, by user and exam: one statement."""
    has_words = ExpressionWrapper(Q(review_policy_exception__isnull=False), output_field=BooleanField())
    rows = (
        StudentAllowance.objects.filter(exam_id__in=set(exam_ids), user_id__in=set(user_ids))
        .annotate(has_words=has_words)
        .values_list("pk", "user_id", "exam_id", "extra_time_mins", "time_multiplier", "has_words")
    )
    return {
        (user_id, exam_id): _Held(
            pk,
            StudentAllowance(
                extra_time_mins=minutes, time_multiplier=multiplier, review_policy_exception="" if has_words else None
            ).types,
        )
        for pk, user_id, exam_id, minutes, multiplier, has_words in rows
    }


def _replaced(before: _Held | None, allowance_type: AllowanceType) -> AllowanceType | None:
    """Return the type that makes way for this one: the other of the two of time."""
    if before is None or allowance_type not in TIME_TYPES:
        return None
    return next((kind for kind in before.types if kind in TIME_TYPES and kind != allowance_type), None)


def _with_time(exam: Exam, user_id: int, value: AllowanceValue) -> StudentAllowance:
    allowance = StudentAllowance(user_id=user_id, exam=exam, extra_time_mins=0)
    if isinstance(value, Decimal):
        allowance.time_multiplier = value
        # For readers that know no multiplier.
        allowance.extra_time_mins = clock.extra_minutes(allowance, exam.time_limit_mins)
    else:
        allowance.extra_time_mins = int(value)
    return allowance


class _People:
    """
    The people whom a request names: two statements for any number of them.

    Text is a username, else an e-mail address, of which case is ignored. A number is an LMS user id, or minus the id of
    a user's row. Several rows of an LMS id may exist in old databases: then the number names nobody for sure.
    """

    def __init__(self, identifiers: Sequence[Identifier]) -> None:
        self.identifiers = identifiers
        texts = {identifier for identifier in identifiers if isinstance(identifier, str)}
        numbers = {
            identifier for identifier in identifiers if isinstance(identifier, int) and abs(identifier) <= MAX_INTEGER
        }
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
