# SPDX-License-Identifier: AGPL-3.0-only
"""The table of transitions, whole, as the contract has it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

import pytest
from django.utils import timezone
from pytest_django import Settings

from edx_exams.apps.core.api import (
    act_as_learner,
    act_as_staff,
    create_exam_attempt,
    get_attempt_to_change,
    submit_if_unfinished,
    update_attempt_status,
)
from edx_exams.apps.core.exceptions import ExamAttemptDoesNotExist, ExamIllegalStatusTransition
from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transition_rules import LearnerAction, StaffAction
from tests.core.conftest import EventsOwed, Trail, reloaded
from tests.factories import (
    ExamFactory,
    OldAttemptFactory,
    ProviderFactory,
    make_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db

IN_PROGRESS: Final = ("started", "ready_to_submit")
UNFINISHED: Final = ("created", "download_software_clicked", "ready_to_start", *IN_PROGRESS)
FINISHED: Final = ("timed_out", "submitted", "second_review_required", "verified", "rejected", "error")
ALL: Final = (*UNFINISHED, *FINISHED, "expired")

#: The events that entering a status owes.
EVENTS: Final[Mapping[str, list[str]]] = {
    "submitted": ["submitted"],
    "verified": ["verified"],
    "rejected": ["rejected"],
    "error": ["errored"],
}


class Rule(NamedTuple):
    """An action: the status that it leads to, those from which it is allowed, and those in which it is done already."""

    to: str
    moves_from: tuple[str, ...]
    nothing_to_do_in: tuple[str, ...]


LEARNER: Final[Mapping[LearnerAction, Rule]] = {
    LearnerAction.CLICK_DOWNLOAD_SOFTWARE: Rule(
        "download_software_clicked", ("created",), ("download_software_clicked", "ready_to_start")
    ),
    LearnerAction.START: Rule(
        "started", ("created", "download_software_clicked", "ready_to_start", "ready_to_submit"), ()
    ),
    LearnerAction.STOP: Rule("ready_to_submit", ("started",), ("ready_to_submit",)),
    LearnerAction.SUBMIT: Rule("submitted", UNFINISHED, ("submitted",)),
    LearnerAction.ERROR: Rule("error", UNFINISHED, ("error",)),
}
STAFF: Final[Mapping[StaffAction, Rule]] = {
    StaffAction.VERIFY: Rule("verified", tuple(status for status in ALL if status != "verified"), ("verified",)),
    StaffAction.REJECT: Rule("rejected", tuple(status for status in ALL if status != "rejected"), ("rejected",)),
}


def attempt_that_is(status: str, **fields: Any) -> ExamAttempt:
    """An attempt in that status; its clock has just begun to run if it is one in which it does."""
    clock = {"start_time": timezone.now(), "allowed_time_limit_mins": 60} if status in IN_PROGRESS else {}
    return OldAttemptFactory.create(status=status, **clock, **fields)


def check(attempt: ExamAttempt, expected: str, trail: list[str], owed: list[str]) -> None:
    """The attempt has become what was expected, with the history row and the events of that change and no others."""
    changed = [expected] if expected != attempt.status else []
    assert reloaded(attempt).status == expected
    assert trail == [attempt.status, *changed]
    assert owed == (EVENTS.get(expected, []) if changed else [])


def test_there_are_these_statuses_and_no_others() -> None:
    assert set(ExamAttemptStatus.values) == set(ALL)
    assert ExamAttemptStatus.in_progress_statuses == set(IN_PROGRESS)
    assert ExamAttemptStatus.incomplete_statuses == set(UNFINISHED)
    assert ExamAttemptStatus.completed_statuses == set(FINISHED)


@pytest.mark.parametrize("action", LearnerAction)
@pytest.mark.parametrize("status", ALL)
def test_a_learners_action_does_what_the_table_says(
    status: str, action: LearnerAction, trail: Trail, events_owed: EventsOwed
) -> None:
    attempt, rule = attempt_that_is(status), LEARNER[action]
    if status in rule.moves_from or status in rule.nothing_to_do_in:
        assert act_as_learner(attempt, action, learner=attempt.user) == attempt.pk
        check(attempt, rule.to if status in rule.moves_from else status, trail(attempt), events_owed())
    else:
        with pytest.raises(ExamIllegalStatusTransition, match=status):
            act_as_learner(attempt, action, learner=attempt.user)
        check(attempt, status, trail(attempt), events_owed())


@pytest.mark.parametrize("action", StaffAction)
@pytest.mark.parametrize("status", ALL)
def test_course_staff_judge_at_any_time(
    status: str, action: StaffAction, course_team: User, trail: Trail, events_owed: EventsOwed
) -> None:
    attempt, rule = attempt_that_is(status), STAFF[action]
    assert act_as_staff(attempt, action, staff=course_team) == attempt.pk
    check(attempt, rule.to, trail(attempt), events_owed())


@pytest.mark.parametrize("to", ALL)
@pytest.mark.parametrize("status", ALL)
def test_by_the_general_rules_only_what_is_finished_stays_so(
    status: str, to: str, trail: Trail, events_owed: EventsOwed
) -> None:
    attempt = attempt_that_is(status)
    refused = (status in FINISHED and to in UNFINISHED) or (status == to == "started")
    if refused:
        with pytest.raises(ExamIllegalStatusTransition):
            update_attempt_status(attempt.pk, to)
    else:
        assert update_attempt_status(attempt.pk, to) == attempt.pk
    check(attempt, status if refused else to, trail(attempt), events_owed())


@pytest.mark.parametrize("to", UNFINISHED)
@pytest.mark.parametrize("status", FINISHED)
def test_by_force_what_is_finished_becomes_unfinished_again(
    status: str, to: str, course_team: User, trail: Trail, events_owed: EventsOwed
) -> None:
    attempt = attempt_that_is(status)
    assert update_attempt_status(attempt.pk, to, by=course_team, reason="appeal", forced=True) == attempt.pk
    check(attempt, to, trail(attempt), events_owed())
    assert reloaded(attempt).end_time is None
    assert ExamAttempt.history.filter(id=attempt.pk).latest("history_id").history_change_reason == "appeal"


@pytest.mark.parametrize("to", IN_PROGRESS)
@pytest.mark.parametrize("forced", [False, True])
def test_no_rule_lets_two_clocks_of_one_learner_run(to: str, forced: bool, learner: User) -> None:
    running_attempt(user=learner, exam_name="Midterm")
    other = make_attempt(user=learner)
    with pytest.raises(ExamIllegalStatusTransition, match="“Midterm” is in progress"):
        update_attempt_status(other.pk, to, forced=forced)
    assert reloaded(other).status == "created"


@pytest.mark.parametrize("to", IN_PROGRESS)
def test_whoever_enters_a_status_in_which_the_clock_runs_starts_it(to: str) -> None:
    attempt = make_attempt()
    update_attempt_status(attempt.pk, to)
    after = reloaded(attempt)
    assert (after.status, after.allowed_time_limit_mins) == (to, 60)
    assert after.start_time is not None


def test_a_status_that_does_not_exist_is_refused() -> None:
    attempt = attempt_that_is("created")
    with pytest.raises(ExamIllegalStatusTransition, match=r"“finished”.*created, download_software_clicked"):
        update_attempt_status(attempt.pk, "finished")
    assert reloaded(attempt).status == "created"


def test_an_attempt_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ExamAttemptDoesNotExist, match="77"):
        update_attempt_status(77, "submitted")


def test_an_attempt_that_is_deleted_meanwhile_is_refused_and_stays_deleted(learner: User) -> None:
    stale = running_attempt(user=learner)
    ExamAttempt.objects.all().delete()
    with pytest.raises(ExamAttemptDoesNotExist):
        act_as_learner(stale, LearnerAction.SUBMIT, learner=learner)
    assert not ExamAttempt.objects.exists()


def test_the_row_decides_and_not_what_the_caller_holds(learner: User, course_team: User, trail: Trail) -> None:
    stale = running_attempt(user=learner)
    act_as_staff(stale, StaffAction.REJECT, staff=course_team)
    with pytest.raises(ExamIllegalStatusTransition):
        act_as_learner(stale, LearnerAction.SUBMIT, learner=learner)
    assert trail(stale)[-1] == "rejected"


def test_a_team_may_change_its_mind(course_team: User, events_owed: EventsOwed) -> None:
    attempt = submitted_attempt()
    for action in (StaffAction.VERIFY, StaffAction.REJECT, StaffAction.VERIFY):
        act_as_staff(attempt, action, staff=course_team)
    assert events_owed() == ["submitted", "verified", "rejected", "verified"]


def test_only_a_submission_sets_the_end() -> None:
    assert reloaded(submitted_attempt()).end_time is not None
    for status in ("error", "verified", "ready_to_submit"):
        attempt = running_attempt()
        update_attempt_status(attempt.pk, status)
        assert reloaded(attempt).end_time is None


def test_a_verdict_leaves_the_end_as_it_was(course_team: User) -> None:
    attempt = submitted_attempt()
    act_as_staff(attempt, StaffAction.VERIFY, staff=course_team)
    assert reloaded(attempt).end_time == attempt.end_time


def test_each_change_says_who_and_why(learner: User, course_team: User) -> None:
    attempt = submitted_attempt(user=learner)
    act_as_staff(attempt, StaffAction.VERIFY, staff=course_team)
    update_attempt_status(attempt.pk, "rejected", by=learner, reason="by mistake")
    rows = ExamAttempt.history.filter(id=attempt.pk).order_by("history_id")
    assert list(rows.values_list("history_type", "status", "history_user", "history_change_reason")) == [
        ("+", "created", learner.pk, "created by the learner"),
        ("~", "started", learner.pk, "started"),
        ("~", "submitted", learner.pk, "learner: submit"),
        ("~", "verified", course_team.pk, "course staff: verify"),
        ("~", "rejected", learner.pk, "by mistake"),
    ]


def test_what_went_wrong_is_kept_with_an_error_and_cut_to_100_characters(learner: User) -> None:
    attempt = running_attempt(user=learner)
    act_as_learner(attempt, LearnerAction.ERROR, learner=learner, detail="camera " * 30)
    reason = ExamAttempt.history.filter(id=attempt.pk).latest("history_id").history_change_reason
    assert reason == ("camera " * 30)[:100]


def test_modified_moves_with_each_change(learner: User) -> None:
    attempt = running_attempt(user=learner)
    act_as_learner(attempt, LearnerAction.STOP, learner=learner)
    assert reloaded(attempt).modified > attempt.modified


def test_a_change_writes_only_the_columns_that_it_is_about(learner: User) -> None:
    attempt = make_attempt(user=learner)
    held = get_attempt_to_change(attempt.pk)
    ExamAttempt.objects.update(extra_time_mins=7)
    act_as_learner(held, LearnerAction.START, learner=learner)
    assert reloaded(attempt).extra_time_mins == 7


class TestStartingWhatAToolProctors:
    """Only the tool makes an attempt ready: neither `start` nor `start_clock` skips the proctor."""

    @pytest.mark.parametrize("status", ALL)
    def test_the_learner_starts_what_is_ready_and_nothing_else(self, status: str) -> None:
        attempt = attempt_that_is(status, exam=ExamFactory.create(proctored=True))
        if status in ("ready_to_start", "ready_to_submit"):
            act_as_learner(attempt, LearnerAction.START, learner=attempt.user)
            assert reloaded(attempt).status == "started"
        else:
            with pytest.raises(ExamIllegalStatusTransition):
                act_as_learner(attempt, LearnerAction.START, learner=attempt.user)
            assert reloaded(attempt).status == status

    def test_neither_does_a_beginning_with_the_clock(self, learner: User) -> None:
        exam = ExamFactory.create(proctored=True)
        with pytest.raises(ExamIllegalStatusTransition):
            create_exam_attempt(exam.pk, learner.pk, start_clock=True)
        assert not ExamAttempt.objects.exists()

    def test_the_refusal_tells_of_a_course_without_a_tool_that_works(self, learner: User, settings: Settings) -> None:
        attempt = make_attempt(user=learner, proctored=True)
        with pytest.raises(ExamIllegalStatusTransition, match=r"no proctoring tool that works.*your course team"):
            act_as_learner(attempt, LearnerAction.START, learner=learner)
        settings.PROCTORING_TOOL_OF_EXAM = "builtins.str"
        with pytest.raises(ExamIllegalStatusTransition, match="once its proctoring tool says that you are ready"):
            act_as_learner(attempt, LearnerAction.START, learner=learner)

    @pytest.mark.parametrize(
        "exam", [{"exam_type": "practice"}, {"exam_type": "timed"}, {"exam_type": "proctored", "provider": None}]
    )
    def test_others_need_no_tool(self, exam: dict[str, Any], learner: User) -> None:
        fields = {"provider": ProviderFactory.create(), **exam}
        assert create_exam_attempt(ExamFactory.create(**fields).pk, learner.pk, start_clock=True)

    def test_where_operators_say_so_neither_does_a_proctored_one(self, learner: User, settings: Settings) -> None:
        settings.PROCTORED_START_REQUIRES_TOOL = False
        assert create_exam_attempt(ExamFactory.create(proctored=True).pk, learner.pk, start_clock=True)


class TestTheClientsOldClock:
    """The learning interface submits at its own zero, which it learned up to a minute ago, and knows no pause."""

    @pytest.mark.parametrize(
        ("fields", "is_submitted"),
        [
            ({}, True),
            ({"paused_at": timedelta(0)}, False),
            ({"paused_at": timedelta(0), "status": "ready_to_submit"}, True),
            ({"end_moved_at": timedelta(seconds=74)}, False),
            ({"end_moved_at": timedelta(seconds=76)}, True),
            ({"end_moved_at": timedelta(seconds=5), "status": "ready_to_submit"}, True),
            ({"end_moved_at": timedelta(seconds=5), "allowed_time_limit_mins": 60}, True),
        ],
    )
    def test_it_ends_no_exam_whose_end_has_moved(
        self, fields: dict[str, Any], is_submitted: bool, events_owed: EventsOwed
    ) -> None:
        now = timezone.now()
        moments = {name: now - value if isinstance(value, timedelta) else value for name, value in fields.items()}
        attempt = running_attempt(at=now - timedelta(minutes=59, seconds=56))
        ExamAttempt.objects.update(**{"allowed_time_limit_mins": 70, **moments})
        assert act_as_learner(attempt, LearnerAction.SUBMIT, learner=attempt.user, now=now) == attempt.pk
        assert events_owed() == (["submitted"] if is_submitted else [])
        assert (reloaded(attempt).status == "submitted") is is_submitted

    def test_the_end_of_the_assessment_is_meant(self) -> None:
        attempt = running_attempt()
        ExamAttempt.objects.update(paused_at=attempt.start_time)
        submit_if_unfinished(attempt, attempt.user)
        assert reloaded(attempt).status == "submitted"


def test_a_refusal_names_statuses_as_the_contract_does() -> None:
    attempt = submitted_attempt()
    with pytest.raises(ExamIllegalStatusTransition) as refusal:
        act_as_learner(attempt, LearnerAction.STOP, learner=attempt.user)
    assert str(refusal.value) == "An attempt that is “submitted” cannot become “ready_to_submit”."
