# SPDX-License-Identifier: AGPL-3.0-only
"""
The attempt and the exam that a learner sees: the two questions that every learner's page asks again and again.

An attempt that runs comes before everything else, on whatever instance of whatever exam it runs: its clock must not
vanish from the page. One whose time is over is submitted first. Few statements: attempts in progress may come along
with the person, when the caller is looked up (`learners_by_id`).
"""

from datetime import datetime
from typing import Final, NamedTuple, cast

from django.db.models import FilteredRelation, Q
from django.utils import timezone

from edx_exams.apps.core.allowances import minutes_if_started
from edx_exams.apps.core.exams import get_course_exam, get_exam_by_content_id
from edx_exams.apps.core.instance_attempts import attempt_of_instance
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.prepared import Part, Prepared, PreparedRows, age
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.time_outs import check_if_exam_timed_out

_IN_PROGRESS: Final = sorted(ExamAttemptStatus.in_progress_statuses)
_running_of: Final = Prepared(
    ExamAttempt,
    lambda user_id: ExamAttempt.objects.filter(user_id=user_id, status__in=_IN_PROGRESS),
    int,
    related=("exam",),
)

_PERSON: Final = Part(User)
_ATTEMPT: Final = Part(ExamAttempt, "running", _PERSON.end)
_EXAM: Final = Part(Exam, "running__exam", _ATTEMPT.end)
_with_running: Final = PreparedRows(
    User,
    lambda lms_user_id: (
        User.objects.filter(lms_user_id=lms_user_id)
        .annotate(running=FilteredRelation("examattempt", condition=Q(examattempt__status__in=_IN_PROGRESS)))
        .values_list(*_PERSON.names, *_ATTEMPT.names, *_EXAM.names)
    ),
    int,
)
#: Attribute of a person that holds the attempts that came along, until the first question takes them.
_CAME_ALONG: Final = "_running_attempts"


class RunningAttempt(NamedTuple):
    """The outcome of looking for a learner's running attempt: one that runs, or one that has just been submitted."""

    attempt: ExamAttempt | None
    timed_out: ExamAttempt | None = None


class LearnersExam(NamedTuple):
    """An exam as one learner sees it."""

    exam: Exam
    attempt: ExamAttempt | None
    #: Minutes that the learner would get on starting now; for an attempt in progress, those that it has.
    total_minutes: int
    #: True if the learner can no longer start the exam. An attempt in progress goes on.
    is_past_due: bool


def learners_by_id(lms_user_id: int) -> list[User]:
    """
    Return the rows of the person with this LMS user id, each with its attempts in progress. One statement.

    The next question about such a person's running attempts asks the database nothing.
    """
    alias = _with_running.alias
    people: dict[int, User] = {}
    for row in _with_running(lms_user_id):
        person = people.setdefault(row[0], cast("User", _PERSON.read(row, alias)))
        attempts = vars(person).setdefault(_CAME_ALONG, [])
        if attempt := _ATTEMPT.read(row, alias):
            attempt.exam = cast("Exam", _EXAM.read(row, alias))
            attempts.append(attempt)
    return list(people.values())


def running_attempt(user: User, content_id: str, now: datetime | None = None) -> RunningAttempt:
    """
    Return the learner's running attempt with its exam: one of this content before one of any other.

    One statement, or none where the attempts came along with the person.

    Databases that grew under the earlier service hold several running attempts of one learner.

    :param content_id: empty for any
    """
    attempts = _take_running(user)
    if len(attempts) > 1:
        attempts.sort(key=lambda attempt: attempt.exam.content_id != content_id)
    return _first_with_time(attempts, now or timezone.now())


def latest_attempt(user_id: int, content_id: str, just_timed_out: ExamAttempt | None) -> ExamAttempt | None:
    """
    Return a learner's latest attempt of the content's active exam where none is running. Two statements.

    :param content_id: empty for no content in particular: then it is the one that has just been submitted, if any
    :param just_timed_out: as `running_attempt` found it
    """
    exam = get_exam_by_content_id(content_id) if content_id else None
    if exam is None:
        return just_timed_out
    if attempt := attempt_of_instance(user_id, exam):
        return attempt
    is_of_this_content = just_timed_out is not None and just_timed_out.exam.content_id == content_id
    return just_timed_out if is_of_this_content else None


def exam_in_progress(user: User, course_id: str, content_id: str) -> LearnersExam | None:
    """Return the exam's instance on which the learner's attempt is running; None without. One statement at most."""
    names = (course_id, content_id)
    of_this_content = [seen for seen in _take_running(user) if (seen.exam.course_id, seen.exam.content_id) == names]
    attempt = _first_with_time(of_this_content, timezone.now()).attempt
    if attempt is None:
        return None
    minutes = (attempt.allowed_time_limit_mins or attempt.exam.time_limit_mins) + attempt.extra_time_mins
    return LearnersExam(attempt.exam, attempt, minutes, is_past_due=False)


def exam_not_in_progress(user_id: int, course_id: str, content_id: str) -> LearnersExam | None:
    """Return the active instance of the exam for a learner who is not sitting it; None without. Three statements."""
    exam = get_course_exam(course_id, content_id)
    if exam is None:
        return None
    now = timezone.now()
    attempt = attempt_of_instance(user_id, exam)
    return LearnersExam(exam, attempt, minutes_if_started(exam, user_id, now), exam.is_past_due(now))


def _take_running(user: User) -> list[ExamAttempt]:
    """
    Return the learner's attempts that are in progress with their exams, the newest first.

    Those that came along with the person are taken away: the next question is asked anew.
    """
    came_along: list[ExamAttempt] | None = vars(user).pop(_CAME_ALONG, None)
    return sorted(_running_of(user.pk) if came_along is None else came_along, key=age, reverse=True)


def _first_with_time(attempts: list[ExamAttempt], now: datetime) -> RunningAttempt:
    """Submit each attempt that is out of time, until one is found that is not."""
    timed_out = None
    for attempt in attempts:
        checked = check_if_exam_timed_out(attempt, now)
        if checked.is_in_progress:
            return RunningAttempt(checked)
        timed_out = timed_out or checked
    return RunningAttempt(None, timed_out)
