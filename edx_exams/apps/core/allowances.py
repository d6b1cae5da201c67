# SPDX-License-Identifier: AGPL-3.0-only
"""Extra time for learners."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models.functions import Lower
from django.utils import timezone

from edx_exams.apps.core import clock
from edx_exams.apps.core.data import ExtraTime
from edx_exams.apps.core.exams import get_course_exams
from edx_exams.apps.core.exceptions import InvalidAllowance
from edx_exams.apps.core.models import Exam, StudentAllowance, User
from edx_exams.apps.core.owed_time import allowance_for, give_to_learners, instances_of
from edx_exams.apps.core.prepared import PreparedRows
from edx_exams.apps.core.transactions import lock_configuration, lock_users, upsert, write_transaction

#: A learner's extra minutes for one exam, by ids of user and exam.
Grants = Mapping[tuple[int, int], int]

#: Columns of an allowance by name: those that the API lists, and the two that the minutes follow from.
_LISTED: Final = {
    "id": "pk",
    "exam_id": "exam_id",
    "user_id": "user_id",
    "extra_time_mins": "extra_time_mins",
    "username": "user__username",
    "exam_name": "exam__exam_name",
    "email": "user__email",
    "time_multiplier": "time_multiplier",
    "time_limit_mins": "exam__time_limit_mins",
}
_listed: Final = PreparedRows(
    StudentAllowance,
    lambda course_id: (
        StudentAllowance.objects.filter(exam__course_id=course_id, exam__is_active=True)
        .order_by("pk")
        .values_list(*_LISTED.values())
    ),
    str,
)


def allowance_rows(course_id: str) -> list[dict[str, Any]]:
    """Return the allowances of the course's active exams as the API lists them, by id: one statement."""
    rows = [dict(zip(_LISTED, values, strict=True)) for values in _listed(course_id)]
    for row in rows:
        multiplier, limit = row.pop("time_multiplier"), row.pop("time_limit_mins")
        row["extra_time_mins"] = clock.minutes_given(row["extra_time_mins"], multiplier, limit)
    return rows


def minutes_if_started(exam: Exam, user_id: int, now: datetime | None = None) -> int:
    """Return the whole minutes that the learner would get who started the exam now, allowance and due date included."""
    return clock.entitled(exam, allowance_for(exam, user_id), now or timezone.now())


def get_review_policy_exception(exam: Exam, user_id: int) -> str | None:
    """Return the course team's words for the proctor of this learner, None if there are none."""
    allowance = allowance_for(exam, user_id)
    return allowance.review_policy_exception if allowance else None


def grant_extra_time(course_id: str, grants: Sequence[ExtraTime], *, granted_by: User) -> None:
    """
    Give learners extra minutes for exams of a course, replacing what they had: all of them or none.

    A learner whose attempt of the content is in progress, of whatever instance, gets at once what is owed now. Lowering
    an allowance never shortens an attempt.

    :raises InvalidAllowance: an exam or a learner is not there, an e-mail address is several people's, or somebody is
        named twice for one exam
    """
    if not grants:
        return
    # Before the transaction, whose first statements must be its locks.
    learners = _Learners(grants)
    user_ids = [learners.find(row, grant) for row, grant in enumerate(grants, start=1)]
    _grant(course_id, grants, user_ids, granted_by=granted_by)


@write_transaction
def _grant(course_id: str, grants: Sequence[ExtraTime], user_ids: Sequence[int], *, granted_by: User) -> None:
    lock_configuration(course_id)
    lock_users([granted_by.pk, *user_ids])
    exams = {exam.pk: exam for exam in get_course_exams(course_id)}
    minutes: dict[tuple[int, int], int] = {}
    for row, (user_id, grant) in enumerate(zip(user_ids, grants, strict=True), start=1):
        if grant.exam_id not in exams:
            known = ", ".join(map(str, exams)) or "none"
            message = f"Item {row}: there is no exam {grant.exam_id} in {course_id}. Its exams: {known}."
            raise InvalidAllowance(message)
        if (user_id, grant.exam_id) in minutes:
            message = f"Item {row}: this learner has been named before for exam {grant.exam_id}. Name everybody once."
            raise InvalidAllowance(message)
        minutes[user_id, grant.exam_id] = grant.extra_time_mins

    _write(minutes, by=granted_by, reason="extra time granted by course staff")


def set_extra_time(allowance: StudentAllowance, *, by: User) -> None:
    """
    Write an allowance as somebody has set it by hand, and give its learner what is owed now.

    :param allowance: new, or with other minutes than it is stored with; nothing else of it may differ
    """
    _set(allowance.user_id, allowance.exam, allowance.extra_time_mins, by=by)


@write_transaction
def _set(user_id: int, exam: Exam, extra_time_mins: int, *, by: User) -> None:
    lock_configuration(exam.course_id)
    lock_users([by.pk, user_id])
    _write({(user_id, exam.pk): extra_time_mins}, by=by, reason="extra time set in the admin")


def _write(minutes: Grants, *, by: User, reason: str) -> None:
    """Write allowances of learners who are locked, and give those in the middle of the content what is owed now."""
    upsert(
        [
            StudentAllowance(user_id=user_id, exam_id=exam_id, extra_time_mins=extra)
            for (user_id, exam_id), extra in minutes.items()
        ],
        unique=("user", "exam"),
        update=("extra_time_mins", "time_multiplier", "modified"),  # minutes replace a multiplier
    )
    exams = Exam.objects.filter(pk__in={exam_id for _, exam_id in minutes})
    instances = {exam.pk for exam in instances_of(exams)}
    give_to_learners(instances, {user_id for user_id, _ in minutes}, by=by, reason=reason)


class _Learners:
    """The people whom grants name, usernames to the letter, e-mail addresses without regard to case: two statements."""

    def __init__(self, grants: Sequence[ExtraTime]) -> None:
        names = {grant.username for grant in grants if grant.username}
        emails = {grant.email.lower() for grant in grants if grant.email and not grant.username}
        self._by_username: dict[str, int] = {}
        self._by_email: dict[str, list[int]] = {}
        for user_id, username in User.objects.filter(username__in=names).values_list("pk", "username"):
            self._by_username[username] = user_id
        if emails:
            people = User.objects.annotate(lower_email=Lower("email")).filter(lower_email__in=emails)
            for user_id, email in people.values_list("pk", "email"):
                self._by_email.setdefault(email.lower(), []).append(user_id)

    def find(self, row: int, grant: ExtraTime) -> int:
        """
        Id of the learner whom a grant names.

        :param row: the grant's place in the list, for the refusal
        """
        if grant.username:
            user_id = self._by_username.get(grant.username)
            if user_id is None:
                message = f"Item {row}: there is no learner “{grant.username[:150]}”."
                raise InvalidAllowance(message)
            return user_id
        found = self._by_email.get((grant.email or "").lower(), [])
        if len(found) != 1:
            problem = "belongs to several learners: name one by username" if found else "belongs to no learner"
            message = f"Item {row}: the e-mail address {problem}."
            raise InvalidAllowance(message)
        return found[0]


def revoke_extra_time(course_id: str, allowance_id: int) -> bool:
    """Take an allowance of the course back. Tell whether there was one. An attempt in progress keeps its time."""
    allowances = StudentAllowance.objects.filter(pk=allowance_id, exam__course_id=course_id)
    return allowances.exists() and _revoke(course_id, allowance_id)


@write_transaction
def _revoke(course_id: str, allowance_id: int) -> bool:
    lock_configuration(course_id)
    deleted, _ = StudentAllowance.objects.filter(pk=allowance_id).delete()
    return bool(deleted)
