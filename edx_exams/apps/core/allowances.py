"""Extra time for learners."""

from collections.abc import Mapping, Sequence

from django.db.models import QuerySet
from django.utils import timezone

from edx_exams.apps.core.clock import is_out_of_time, minutes_until_due
from edx_exams.apps.core.data import ExtraTime
from edx_exams.apps.core.exams import get_course_exams
from edx_exams.apps.core.exceptions import InvalidAllowance
from edx_exams.apps.core.history import update_many
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transactions import lock_attempts, lock_configuration, lock_users, upsert, write_transaction

#: A learner's extra minutes for one exam, by ids of user and exam.
Grants = Mapping[tuple[int, int], int]


def allowances_of(course_id: str) -> QuerySet[StudentAllowance]:
    """Allowances of the course's active exams with learner and exam, by id: one statement."""
    return (
        StudentAllowance.objects.filter(exam__course_id=course_id, exam__is_active=True)
        .select_related("user", "exam")
        .order_by("pk")
    )


def get_extra_time(user_id: int, exam_id: int) -> int:
    """Return the learner's extra minutes for the exam, 0 if there are none."""
    allowance = StudentAllowance.objects.filter(user_id=user_id, exam_id=exam_id).first()
    return allowance.extra_time_mins if allowance else 0


def grant_extra_time(course_id: str, grants: Sequence[ExtraTime], *, granted_by: User) -> None:
    """
    Give learners extra minutes for exams of a course, replacing what they had: all of them or none.

    A learner whose attempt is in progress gets the difference at once, though not past the exam's due date. Lowering an
    allowance never shortens an attempt.

    :raises InvalidAllowance: an exam or a learner is not there, or an e-mail address is several people's
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
    minutes = {}
    for row, (user_id, grant) in enumerate(zip(user_ids, grants, strict=True), start=1):
        if grant.exam_id not in exams:
            known = ", ".join(map(str, exams)) or "none"
            message = f"Item {row}: there is no exam {grant.exam_id} in {course_id}. Its exams: {known}."
            raise InvalidAllowance(message)
        minutes[user_id, grant.exam_id] = grant.extra_time_mins

    before = {
        (allowance.user_id, allowance.exam_id): allowance.extra_time_mins
        for allowance in StudentAllowance.objects.filter(exam_id__in=exams, user_id__in=set(user_ids))
    }
    upsert(
        [
            StudentAllowance(user_id=user_id, exam_id=exam_id, extra_time_mins=extra)
            for (user_id, exam_id), extra in minutes.items()
        ],
        unique=("user", "exam"),
        update=("extra_time_mins", "modified"),
    )
    more = {key: extra - before.get(key, 0) for key, extra in minutes.items() if extra > before.get(key, 0)}
    _extend_running_attempts(more, exams, by=granted_by)


class _Learners:
    """The people whom grants name: two statements for any number of them."""

    def __init__(self, grants: Sequence[ExtraTime]) -> None:
        names = {grant.username for grant in grants if grant.username}
        emails = {grant.email for grant in grants if grant.email and not grant.username}
        self._by_username: dict[str, int] = {}
        self._by_email: dict[str, list[int]] = {}
        for user_id, username in User.objects.filter(username__in=names).values_list("pk", "username"):
            self._by_username[username.casefold()] = user_id
        for user_id, email in User.objects.filter(email__in=emails).values_list("pk", "email"):
            self._by_email.setdefault(email.casefold(), []).append(user_id)

    def find(self, row: int, grant: ExtraTime) -> int:
        """
        Id of the learner whom a grant names.

        :param row: the grant's place in the list, for the refusal
        """
        if grant.username:
            user_id = self._by_username.get(grant.username.casefold())
            if user_id is None:
                message = f"Item {row}: there is no learner “{grant.username[:150]}”."
                raise InvalidAllowance(message)
            return user_id
        found = self._by_email.get((grant.email or "").casefold(), [])
        if len(found) != 1:
            problem = "belongs to several learners: name one by username" if found else "belongs to no learner"
            message = f"Item {row}: the e-mail address {problem}."
            raise InvalidAllowance(message)
        return found[0]


def _extend_running_attempts(more: Grants, exams: Mapping[int, Exam], *, by: User) -> None:
    """
    Give attempts in progress these further minutes, as far as their exam's due date lets them have.

    Their learners are locked. An attempt whose time is over already is left to whoever submits it.
    """
    if not more:
        return
    now = timezone.now()
    running = ExamAttempt.objects.filter(
        user_id__in={user_id for user_id, _ in more},
        exam_id__in={exam_id for _, exam_id in more},
        status__in=sorted(ExamAttemptStatus.in_progress_statuses),
    )
    extended = []
    for attempt in lock_attempts(running.values_list("pk", flat=True)).values():
        extra = more.get((attempt.user_id, attempt.exam_id), 0)
        allowed = attempt.allowed_time_limit_mins
        if not extra or allowed is None or attempt.start_time is None or is_out_of_time(attempt, now):
            continue
        longer = minutes_until_due(exams[attempt.exam_id], attempt.start_time, at_most=allowed + extra)
        if longer > allowed:
            attempt.allowed_time_limit_mins = longer
            extended.append(attempt)
    update_many(extended, ["allowed_time_limit_mins"], by=by, reason="extra time granted by course staff")


def revoke_extra_time(course_id: str, allowance_id: int) -> bool:
    """Take an allowance of the course back. Says whether there was one. An attempt in progress keeps its time."""
    allowances = StudentAllowance.objects.filter(pk=allowance_id, exam__course_id=course_id)
    return allowances.exists() and _revoke(course_id, allowance_id)


@write_transaction
def _revoke(course_id: str, allowance_id: int) -> bool:
    lock_configuration(course_id)
    deleted, _ = StudentAllowance.objects.filter(pk=allowance_id).delete()
    return bool(deleted)
