# SPDX-License-Identifier: AGPL-3.0-only
"""The clock under everything that may happen to it: nothing a course does shortens an attempt, nothing is lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pytest_django import Settings
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from edx_exams.apps.core import clock
from edx_exams.apps.core.content_access import decide
from edx_exams.apps.core.exceptions import ContentAccessDenied
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.owed_time import give_what_is_owed, learners_running
from tests.core.conftest import NOON, reloaded
from tests.factories import AllowanceFactory, ExamFactory, running_attempt

MINUTE: Final = timedelta(minutes=1)


class Sitting:
    """A learner who sits an exam, in memory, and what course team, authors, proctor and time do meanwhile."""

    def __init__(self, due: int | None) -> None:
        self.now: datetime = NOON
        self.exam = Exam(exam_type="proctored", time_limit_mins=60, is_active=True, due_date=self._moment(due))
        self.allowance = StudentAllowance(extra_time_mins=0)
        self.attempt = ExamAttempt(exam=self.exam, status="started", start_time=NOON)
        minutes = clock.entitled(self.exam, self.allowance, NOON)
        clock.change_clock(self.attempt, NOON, allowed_time_limit_mins=minutes)
        #: The due date, and each that it has had since a running pause began.
        self.due_dates = [self.exam.due_date]

    def _moment(self, minutes: int | None) -> datetime | None:
        return None if minutes is None else NOON + minutes * MINUTE

    @property
    def end(self) -> datetime:
        """The end of the time, a running pause included."""
        end = clock.deadline(self.attempt, self.now)
        assert end
        return end

    @property
    def owed(self) -> datetime:
        """The end that is owed: limit and allowance, or what it has of them; the tool's minutes; what was paused."""
        assert self.attempt.allowed_time_limit_mins is not None
        base = max(self.exam.time_limit_mins + self.allowance.extra_time_mins, self.attempt.allowed_time_limit_mins)
        end = NOON + (base + self.attempt.extra_time_mins) * MINUTE + timedelta(seconds=self.attempt.paused_seconds)
        if self.attempt.paused_at:
            end += self.now - self.attempt.paused_at
        bounds = [due_date for due_date in self.due_dates if due_date is not None]
        return min(end, max(bounds)) if len(bounds) == len(self.due_dates) else end

    def grant(self, minutes: int) -> None:
        self.allowance.extra_time_mins = minutes
        clock.give_what_is_owed(self.attempt, self.allowance, self.now)

    def limit(self, minutes: int) -> None:
        self.exam.time_limit_mins = minutes
        clock.give_what_is_owed(self.attempt, self.allowance, self.now)

    def due(self, minutes: int | None) -> None:
        self.exam.due_date = self._moment(minutes)
        self.due_dates = [*(self.due_dates if self.attempt.paused_at else []), self.exam.due_date]
        clock.give_what_is_owed(self.attempt, self.allowance, self.now)

    def pause(self, _: int) -> None:
        if self.attempt.paused_at is None:
            clock.change_clock(self.attempt, self.now, paused_at=self.now)

    def resume(self, _: int) -> None:
        clock.end_pause(self.attempt, self.now)
        self.due_dates = self.due_dates[-1:]

    def tool(self, minutes: int) -> None:
        clock.change_clock(self.attempt, self.now, extra_time_mins=max(minutes, self.attempt.extra_time_mins))

    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE / 2


STEPS: Final[dict[str, Callable[[Sitting, Any], None]]] = {
    "grant": Sitting.grant,
    "limit": Sitting.limit,
    "due": Sitting.due,
    "pause": Sitting.pause,
    "resume": Sitting.resume,
    "tool": Sitting.tool,
    "wait": Sitting.wait,
}


def content_is_shown(sitting: Sitting) -> bool:
    try:
        return decide(sitting.exam, sitting.attempt, sitting.now) > 0
    except ContentAccessDenied:
        return False


@given(
    due=st.none() | st.integers(1, 150),
    steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 90))),
)
def test_nothing_shortens_a_running_attempt_and_clock_and_content_agree(
    due: int | None, steps: list[tuple[str, int]]
) -> None:
    sitting = Sitting(due)
    for name, value in steps:
        if clock.is_out_of_time(sitting.attempt, sitting.now):
            return  # it is submitted
        before = sitting.end
        STEPS[name](sitting, value)
        assert before <= sitting.end <= max(before, sitting.owed), name
        has_time = clock.seconds_remaining(sitting.attempt, sitting.now) >= 1
        is_paused = sitting.attempt.paused_at is not None
        assert content_is_shown(sitting) is (has_time and not is_paused)
        assert clock.is_out_of_time(sitting.attempt, sitting.now) is (not has_time) or is_paused


@given(due=st.none() | st.integers(1, 150), minutes=st.lists(st.integers(0, 90), min_size=1))
def test_only_the_largest_of_all_grants_counts(due: int | None, minutes: list[int]) -> None:
    sitting, once = Sitting(due), Sitting(due)
    for grant in minutes:
        sitting.grant(grant)
    once.grant(max(minutes))
    assert sitting.end == once.end


@given(due=st.integers(30, 150), pause=st.integers(1, 60), later=st.integers(1, 90))
def test_a_later_due_date_gives_back_what_the_earlier_one_took(due: int, pause: int, later: int) -> None:
    assume(pause < due)  # else it is over when the due date moves
    sitting, never_bounded = Sitting(due), Sitting(due + later)
    for one in (sitting, never_bounded):
        one.tool(10)
        one.pause(0)
        one.wait(pause)
        one.resume(0)
    sitting.due(due + later)
    assert sitting.end == never_bounded.end


@given(
    due=st.none() | st.integers(1, 150),
    earlier=st.integers(-30, 150),
    first=st.integers(0, 90),
    then=st.integers(0, 90),
)
def test_a_due_date_that_is_changed_in_a_pause_takes_nothing_away(
    due: int | None, earlier: int, first: int, then: int
) -> None:
    changed, unchanged = Sitting(due), Sitting(due)
    for one in (changed, unchanged):
        one.pause(0)
        one.wait(first)
        if one is changed:
            one.due(earlier)
        one.wait(then)
    assert clock.is_out_of_time(changed.attempt, changed.now) <= clock.is_out_of_time(unchanged.attempt, unchanged.now)
    for one in (changed, unchanged):
        one.resume(0)
    assert changed.end >= unchanged.end


def test_the_time_shown_in_a_pause_is_the_time_there_is_after_it() -> None:
    sitting = Sitting(due=65)
    sitting.pause(0)
    sitting.wait(20)
    shown = clock.seconds_remaining(sitting.attempt, sitting.now)
    sitting.resume(0)
    assert shown == clock.seconds_remaining(sitting.attempt, sitting.now) == 55 * 60


def test_no_date_of_an_old_row_is_too_late_to_be_computed_with() -> None:
    sitting = Sitting(due=None)
    sitting.attempt.start_time = datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert clock.seconds_remaining(sitting.attempt, NOON) > 0
    sitting.pause(0)
    sitting.grant(30)
    assert not clock.is_out_of_time(sitting.attempt, NOON)


def test_operators_may_let_pauses_reach_past_the_due_date(settings: Settings) -> None:
    settings.LTI_PAUSE_EXTENDS_DUE_DATE = True
    sitting = Sitting(due=60)
    sitting.pause(0)
    sitting.wait(40)
    sitting.resume(0)
    sitting.tool(5)
    assert sitting.end == NOON + 85 * MINUTE


@pytest.mark.django_db
class TestGiving:
    """Read what is written, and for whom."""

    @pytest.mark.parametrize("learners", [1, 20])
    def test_it_costs_the_same_for_any_number_of_learners(self, learners: int, statements_of: Any) -> None:
        exam = ExamFactory.create(time_limit_mins=60)
        attempts = [running_attempt(exam) for _ in range(learners)]
        AllowanceFactory.create(user=attempts[0].user, exam=exam, extra_time_mins=10)
        Exam.objects.update(time_limit_mins=70)
        users = learners_running([exam.pk])
        made = statements_of(lambda: give_what_is_owed([exam.pk], users, by=None, reason="limit changed"))
        assert len(made) <= 7, "\n".join(made)
        assert [reloaded(attempt).allowed_time_limit_mins for attempt in attempts] == [80, *[70] * (learners - 1)]
        assert ExamAttempt.history.filter(history_change_reason="limit changed").count() == learners

    def test_who_has_started_meanwhile_gets_it_after_the_commit(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        exam = ExamFactory.create(time_limit_mins=60)
        attempt = running_attempt(exam)
        Exam.objects.update(time_limit_mins=70)
        with django_capture_on_commit_callbacks(execute=True):
            give_what_is_owed([exam.pk], [], by=None, reason="limit changed")
            assert reloaded(attempt).allowed_time_limit_mins == 60
        assert reloaded(attempt).allowed_time_limit_mins == 70

    def test_nobody_else_is_touched(self, learner: User) -> None:
        exam, other = ExamFactory.create(), ExamFactory.create()
        attempts = [running_attempt(exam, learner), running_attempt(exam), running_attempt(other)]
        Exam.objects.update(time_limit_mins=70)
        give_what_is_owed([exam.pk], [learner.pk], by=None, reason="limit changed")
        assert [reloaded(attempt).allowed_time_limit_mins for attempt in attempts] == [70, 60, 60]

    def test_nothing_owed_leaves_no_history_row(self) -> None:
        attempt = running_attempt()
        give_what_is_owed([attempt.exam_id], [attempt.user_id], by=None, reason="nothing")
        assert not ExamAttempt.history.filter(history_change_reason="nothing").exists()
