# SPDX-License-Identifier: AGPL-3.0-only
"""Whatever a learner, a team and the clock do in whatever order: what always holds."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import pytest
from django.db.models import Count
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edx_exams.apps.core.api import (
    act_as_learner,
    act_as_staff,
    check_if_exam_timed_out,
    create_exam_attempt,
    get_current_exam_attempt,
    reset_and_recreate,
    reset_exam_attempt,
    submit_timed_out_attempts,
)
from edx_exams.apps.core.exceptions import ExamBaseException
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transition_rules import LearnerAction, StaffAction
from edx_exams.apps.events.models import OutboxEvent
from tests.core.conftest import NOON
from tests.factories import ExamFactory, UserFactory
from tests.sampling import examples

#: The event that a history row owes, by the status that it entered.
OWED: Final = {"submitted": "submitted", "verified": "verified", "rejected": "rejected", "error": "errored"}

Step = Callable[["Story"], object]


class Story:
    """One learner, an exam of an hour that counts, a practice exam of half an hour, and a clock that tests move."""

    def __init__(self) -> None:
        self.now: datetime = NOON
        self.learner: User = UserFactory.create()
        self.team: User = UserFactory.create(is_staff=True)
        self.exams: list[Exam] = [ExamFactory.create(time_limit_mins=60), ExamFactory.create(practice=True)]
        self.exams[1].time_limit_mins = 30
        self.exams[1].save()

    def attempt(self, exam: int) -> ExamAttempt | None:
        """The learner's attempt of that exam."""
        return get_current_exam_attempt(self.learner.pk, self.exams[exam].pk)

    @property
    def attempts(self) -> list[ExamAttempt]:
        """All attempts that there are."""
        return list(ExamAttempt.objects.filter(user=self.learner))


def wait(minutes: int) -> Step:
    def step(story: Story) -> None:
        story.now += timedelta(minutes=minutes)

    return step


def create(exam: int, start: bool) -> Step:
    return lambda story: create_exam_attempt(story.exams[exam].pk, story.learner.pk, start_clock=start, now=story.now)


def learner_does(exam: int, action: LearnerAction) -> Step:
    return lambda story: (
        (attempt := story.attempt(exam)) and act_as_learner(attempt, action, learner=story.learner, now=story.now)
    )


def team_does(exam: int, action: StaffAction) -> Step:
    return lambda story: (
        (attempt := story.attempt(exam)) and act_as_staff(attempt, action, staff=story.team, now=story.now)
    )


def notice(exam: int) -> Step:
    return lambda story: (attempt := story.attempt(exam)) and check_if_exam_timed_out(attempt, story.now)


def reset(exam: int) -> Step:
    def step(story: Story) -> None:
        if attempt := story.attempt(exam):
            reset_exam_attempt(attempt, story.team)

    return step


def again(exam: int) -> Step:
    return lambda story: (attempt := story.attempt(exam)) and reset_and_recreate(attempt, story.learner, now=story.now)


def sweep(story: Story) -> None:
    list(submit_timed_out_attempts(batch_size=10, now=story.now))


exams = st.integers(0, 1)
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(create, exams, st.just(True)),  # what begins a story comes more often than the rest
    st.builds(create, exams, st.just(True)),
    st.builds(create, exams, st.just(False)),
    st.builds(learner_does, exams, st.just(LearnerAction.START)),
    st.builds(learner_does, exams, st.sampled_from(LearnerAction)),
    st.builds(learner_does, exams, st.sampled_from(LearnerAction)),
    st.builds(team_does, exams, st.sampled_from(StaffAction)),
    st.builds(wait, st.sampled_from([1, 29, 31, 61])),
    st.builds(notice, exams),
    st.builds(reset, exams),
    st.builds(again, exams),
    st.just(sweep),
)


def check(story: Story) -> None:
    attempts = story.attempts
    assert sum(attempt.is_in_progress for attempt in attempts) <= 1
    assert len({attempt.exam_id for attempt in attempts}) == len(attempts)
    for attempt in attempts:
        if attempt.start_time and attempt.end_time:
            limit = timedelta(minutes=attempt.allowed_time_limit_mins or 0)
            assert attempt.start_time <= attempt.end_time <= attempt.start_time + limit

    owed, status_of, numbers = [], dict[int, str](), dict[int, list[int]]()
    for row in ExamAttempt.history.filter(user_id=story.learner.pk).order_by("history_id"):
        before = status_of.get(row.id)
        if row.history_type == "-":
            owed.append("reset")
        elif row.history_type == "+":
            numbers.setdefault(row.exam_id, []).append(row.attempt_number)
        else:
            assert before != row.status, "a history row for nothing"
            finished = ExamAttemptStatus.completed_statuses
            assert not (before in finished and row.status in ExamAttemptStatus.incomplete_statuses), "reopened"
            owed += [OWED[row.status]] if row.status in OWED else []
        status_of[row.id] = row.status
    for given_numbers in numbers.values():
        assert given_numbers == list(range(1, len(given_numbers) + 1))
    sent = OutboxEvent.objects.filter(data__exam_attempt__student_user__id=story.learner.lms_user_id).order_by("pk")
    types = [event_type.split(".")[-2] for event_type in sent.values_list("event_type", flat=True)]
    assert types == owed


@pytest.mark.django_db
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=6, max_size=14))
@example([create(0, True), create(1, True)])
@example([create(0, True), create(1, False), learner_does(1, LearnerAction.START), wait(61), create(1, True)])
def test_every_story_keeps_the_invariants(story_steps: list[Step]) -> None:
    story = Story()
    for step in story_steps:
        with suppress(ExamBaseException):
            step(story)
        check(story)
    duplicates = ExamAttempt.objects.values("user", "exam").annotate(attempts=Count("pk")).filter(attempts__gt=1)
    assert not duplicates
