# SPDX-License-Identifier: AGPL-3.0-only
"""Attempts in the admin: a status chosen by hand is reached as over the API, or by force; deleting one is a reset."""

import re
from datetime import timedelta
from typing import Any, Final

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import OperationalError
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.events.models import OutboxEvent
from tests.core.conftest import EventsOwed, Trail, browser_of, every_statement, page, reloaded, text_of
from tests.factories import (
    AllowanceFactory,
    ExamFactory,
    OldAttemptFactory,
    ProviderFactory,
    ResultFactory,
    UserFactory,
    make_attempt,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db


FORCE: Final = {"force": "yes", "reason": "Appeal 77 upheld"}


@pytest.fixture
def administrator(db: None) -> User:
    """Someone who may see and change attempts, and is no superuser."""
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_examattempt", "change_examattempt"]))
    return user


def choose(browser: Client, attempt: ExamAttempt, status: str, **more: str) -> Any:
    return browser.post(page(ExamAttempt, "change", attempt.pk), {"status": status, **more})


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_status_chosen_sends_its_event_and_leaves_history_with_who(
    browser: Client, superuser: User, trail: Trail, events_owed: EventsOwed
) -> None:
    attempt = submitted_attempt()
    assert choose(browser, attempt, "verified").status_code == 302
    assert trail(attempt) == ["created", "started", "submitted", "verified"]
    row = ExamAttempt.history.filter(id=attempt.pk).latest("history_id")
    assert (row.history_user, row.history_change_reason) == (superuser, "changed in the admin")
    assert events_owed() == ["submitted", "verified"]


def test_a_submission_by_hand_sets_the_end(browser: Client) -> None:
    attempt = running_attempt()
    choose(browser, attempt, "submitted")
    assert reloaded(attempt).end_time is not None


def test_the_same_status_changes_nothing(browser: Client, trail: Trail, events_owed: EventsOwed) -> None:
    attempt = submitted_attempt()
    assert choose(browser, attempt, "submitted").status_code == 302
    assert trail(attempt) == ["created", "started", "submitted"]
    assert events_owed() == ["submitted"]


@pytest.mark.parametrize("more", [{}, FORCE])
def test_what_the_rules_refuse_is_refused_beside_the_field(
    more: dict[str, str], administrator: User, trail: Trail
) -> None:
    attempt = submitted_attempt()
    response = choose(browser_of(administrator), attempt, "started", **more)
    assert "An attempt that is submitted does not become started." in text_of(response)
    assert trail(attempt)[-1] == "submitted"


def test_what_only_the_transition_finds_out_is_shown_as_a_message(browser: Client, learner: User) -> None:
    running_attempt(user=learner, exam_name="Midterm")
    attempt = make_attempt(user=learner)
    (message,) = messages_of(choose(browser, attempt, "started"))
    assert "“Midterm” is in progress" in message
    assert reloaded(attempt).status == "created"


@pytest.mark.parametrize(("text", "is_told"), [("database is locked", True), ("no such table", False)])
def test_rows_that_others_hold_are_told_of_and_nothing_else_is_hidden(
    text: str, is_told: bool, browser: Client, superuser: User
) -> None:
    attempt = submitted_attempt()

    def fail(sql: str, params: Any) -> None:
        if sql.startswith("UPDATE") and "exams_examattempt" in sql:
            raise OperationalError(text)

    browser.raise_request_exception = False
    with every_statement(fail):
        answer = choose(browser, attempt, "verified")
    assert answer.status_code == (302 if is_told else 500)
    assert ("try again" in " ".join(messages_of(answer))) == is_told
    assert reloaded(attempt).status == "submitted"


def test_a_superuser_is_asked_before_the_rules_are_broken(
    browser: Client, trail: Trail, events_owed: EventsOwed
) -> None:
    attempt = submitted_attempt(exam_name="<Midterm>")
    asked = text_of(choose(browser, attempt, "created"))
    assert "&lt;Midterm&gt;" in asked
    assert 'name="reason"' in asked
    assert "told by no event" in asked
    assert (trail(attempt)[-1], events_owed()) == ("submitted", ["submitted"])


@pytest.mark.parametrize("reason", ["", "   ", "x" * 101])
def test_nothing_is_forced_without_a_reason_that_the_history_can_keep(
    reason: str, browser: Client, trail: Trail
) -> None:
    attempt = submitted_attempt()
    assert 'class="errorlist"' in text_of(choose(browser, attempt, "created", force="yes", reason=reason))
    assert trail(attempt)[-1] == "submitted"


def test_a_superuser_who_confirms_forces_it_and_the_history_says_why(
    browser: Client, superuser: User, trail: Trail
) -> None:
    attempt = submitted_attempt()
    assert choose(browser, attempt, "started", **FORCE).status_code == 302
    assert trail(attempt) == ["created", "started", "submitted", "started"]
    row = ExamAttempt.history.filter(id=attempt.pk).latest("history_id")
    assert (row.history_user, row.history_change_reason) == (superuser, "Appeal 77 upheld")
    after = reloaded(attempt)
    assert (after.start_time, after.end_time) == (attempt.start_time, None)
    assert "Forced from submitted to started" in LogEntry.objects.get().change_message


def test_the_page_that_asks_can_be_sent_as_it_is(browser: Client) -> None:
    attempt = submitted_attempt()
    asked = text_of(choose(browser, attempt, "started"))
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', asked))
    form.pop("csrfmiddlewaretoken", None)
    (action,) = re.findall(r'<form method="post" action="([^"]+)"', asked)
    browser.post(action, {**form, "reason": "because"})
    assert reloaded(attempt).status == "started"


def test_even_by_force_one_clock_of_a_learner_runs_at_a_time(browser: Client, learner: User) -> None:
    attempt = submitted_attempt(user=learner)
    running_attempt(user=learner, exam_name="Midterm")
    (message,) = messages_of(choose(browser, attempt, "started", **FORCE))
    assert "“Midterm” is in progress" in message
    assert reloaded(attempt).status == "submitted"


def test_what_the_rules_allow_needs_no_force_and_owes_its_event(browser: Client, events_owed: EventsOwed) -> None:
    attempt = submitted_attempt()
    assert choose(browser, attempt, "error").status_code == 302
    assert events_owed() == ["submitted", "errored"]


@pytest.mark.parametrize(
    ("before", "wanted", "proctored"),
    [
        ("verified", "submitted", False),
        ("started", "timed_out", False),
        ("started", "expired", False),
        ("created", "ready_to_start", True),
        ("created", "started", True),
    ],
)
def test_what_no_action_does_needs_a_superusers_force(
    before: str, wanted: str, proctored: bool, administrator: User, browser: Client
) -> None:
    exam = ExamFactory.create(proctored=True) if proctored else ExamFactory.create()
    attempt = OldAttemptFactory.create(exam=exam, status=before, start_time=timezone.now(), allowed_time_limit_mins=60)
    told = text_of(choose(browser_of(administrator), attempt, wanted))
    assert "A superuser may force it." in told
    assert "Force a transition" in text_of(choose(browser, attempt, wanted))
    assert reloaded(attempt).status == before


def test_a_status_that_does_not_exist_is_refused_beside_the_field(browser: Client, trail: Trail) -> None:
    attempt = submitted_attempt()
    assert "errorlist" in text_of(choose(browser, attempt, "unknown", **FORCE))
    assert trail(attempt)[-1] == "submitted"


def test_a_past_state_is_looked_at_and_not_reverted_to(browser: Client, trail: Trail) -> None:
    attempt = submitted_attempt()
    first = ExamAttempt.history.filter(id=attempt.pk).earliest("history_id")
    assert "Revert" not in text_of(browser.get(page(ExamAttempt, "simple_history", attempt.pk, first.pk)))
    browser.post(page(ExamAttempt, "simple_history", attempt.pk, first.pk), {"status": "created"})
    assert trail(attempt)[-1] == "submitted"


def test_an_attempt_whose_exam_has_a_provider_can_be_launched_and_shows_the_review_exception(browser: Client) -> None:
    attempt = make_attempt(proctored=True, provider=ProviderFactory.create(verbose_name="Acme & <Sons>"))
    text = text_of(browser.get(page(ExamAttempt, "change", attempt.pk)))
    assert f'href="/lti/start_proctoring/{attempt.pk}"' in text
    assert "Launch Acme &amp; &lt;Sons&gt;" in text
    AllowanceFactory.create(exam=attempt.exam, user=attempt.user, review_policy_exception="Paper & <pen>")
    assert "Paper &amp; &lt;pen&gt;" in text_of(browser.get(page(ExamAttempt, "change", attempt.pk)))
    assert resolve(f"/lti/start_proctoring/{attempt.pk}").kwargs == {"attempt_id": str(attempt.pk)}


def test_an_attempt_without_a_provider_cannot(browser: Client) -> None:
    assert "start_proctoring" not in text_of(browser.get(page(ExamAttempt, "change", make_attempt().pk)))


def corrected(browser: Client, attempt: ExamAttempt, **times: Any) -> Any:
    form = {name: value for name, value in times.items() if not hasattr(value, "date")}
    for name, moment in times.items():
        if hasattr(moment, "date"):
            form |= {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M:%S}"}
    return browser.post(page(ExamAttempt, "change", attempt.pk), {"status": attempt.status, **form})


def test_times_are_corrected_with_history_and_without_an_event(
    browser: Client, superuser: User, events_owed: EventsOwed
) -> None:
    attempt = submitted_attempt()
    hour_ago = (timezone.now() - timedelta(hours=1)).replace(microsecond=0)
    times = {"start_time": hour_ago - timedelta(hours=1), "end_time": hour_ago, "allowed_time_limit_mins": 90}
    assert corrected(browser, attempt, **times).status_code == 302
    after = reloaded(attempt)
    assert {name: getattr(after, name) for name in times} == times
    row = ExamAttempt.history.filter(id=attempt.pk).latest("history_id")
    assert (row.history_user, row.history_change_reason) == (superuser, "times corrected in the admin")
    assert events_owed() == ["submitted"]


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ({"allowed_time_limit_mins": 2_147_483_647}, "errorlist"),
        ({"allowed_time_limit_mins": -1}, "errorlist"),
        ({"end_time": timezone.now() - timedelta(days=3)}, "must not be before the start time"),
        ({"end_time": timezone.now() + timedelta(days=3)}, "must lie between"),
        ({"start_time": timezone.now().replace(year=1900)}, "must lie between"),
        ({"start_time": timezone.now().replace(year=9999)}, "must lie between"),
    ],
    ids=["too many minutes", "fewer than none", "end before start", "end in the future", "long ago", "far ahead"],
)
def test_times_that_cannot_be_are_refused_and_nothing_changes(
    times: dict[str, Any], told: str, browser: Client
) -> None:
    attempt = submitted_attempt()
    before = ExamAttempt.objects.values().get(pk=attempt.pk)
    answer = corrected(browser, attempt, **times)
    assert told in (answer.content.decode() or " ".join(messages_of(answer)))
    assert ExamAttempt.objects.values().get(pk=attempt.pk) == before


@pytest.mark.parametrize(("name", "value"), [("attempt_number", 9), ("extra_time_mins", 9), ("exam", 1), ("user", 1)])
def test_what_names_an_attempt_cannot_be_edited(name: str, value: object, browser: Client) -> None:
    attempt = running_attempt()
    before = ExamAttempt.objects.values().get(pk=attempt.pk)
    browser.post(page(ExamAttempt, "change", attempt.pk), {"status": "started", name: value})
    assert ExamAttempt.objects.values().get(pk=attempt.pk) == before


def test_one_that_is_over_is_submitted_though_the_reset_is_of_who_may_only_delete(events_owed: EventsOwed) -> None:
    attempt = overdue_attempt()
    deleter = UserFactory.create(is_staff=True)
    deleter.user_permissions.set(Permission.objects.filter(codename__in=["view_examattempt", "delete_examattempt"]))
    answer = browser_of(deleter).post(page(ExamAttempt, "delete", attempt.pk), {"post": "yes"})
    assert answer.status_code == 302
    assert events_owed() == ["submitted", "reset"]


def test_deleting_one_is_a_reset(browser: Client, superuser: User, events_owed: EventsOwed) -> None:
    attempt = running_attempt()
    ResultFactory.create(attempt=attempt)
    text_of(browser.get(page(ExamAttempt, "delete", attempt.pk)))
    assert browser.post(page(ExamAttempt, "delete", attempt.pk), {"post": "yes"}).status_code == 302
    assert not ExamAttempt.objects.exists()
    assert events_owed() == ["reset"]
    data = OutboxEvent.objects.get().data["exam_attempt"]
    assert data["requesting_user"]["pii"]["username"] == superuser.username
    last = ExamAttempt.history.filter(id=attempt.pk).latest("history_id")
    assert (last.history_type, last.history_user, last.history_change_reason) == ("-", superuser, "reset")


def test_deleting_many_is_a_reset_of_each(browser: Client, events_owed: EventsOwed) -> None:
    attempts = [make_attempt() for _ in range(3)]
    form = {"action": "delete_selected", "_selected_action": [attempt.pk for attempt in attempts[:2]]}
    text_of(browser.post(page(ExamAttempt, "changelist"), form))
    assert browser.post(page(ExamAttempt, "changelist"), {**form, "post": "yes"}).status_code == 302
    assert list(ExamAttempt.objects.all()) == attempts[2:]
    assert events_owed() == ["reset", "reset"]


def test_one_can_be_added_where_a_learner_could_begin_it(browser: Client, learner: User) -> None:
    exam = ExamFactory.create()
    assert browser.post(page(ExamAttempt, "add"), {"user": learner.pk, "exam": exam.pk}).status_code == 302
    attempt = ExamAttempt.objects.get()
    assert (attempt.user, attempt.exam, attempt.status, attempt.attempt_number) == (learner, exam, "created", 1)
    *_, message = messages_of(browser.post(page(ExamAttempt, "add"), {"user": learner.pk, "exam": exam.pk}))
    assert "There is an attempt of" in message
    assert ExamAttempt.objects.count() == 1


def test_they_can_be_filtered_by_status(browser: Client) -> None:
    submitted_attempt()
    make_attempt()
    response: Any = browser.get(page(ExamAttempt, "changelist"), {"status__exact": "submitted"})
    assert response.context["cl"].result_count == 1


def test_the_list_shows_old_rows_without_any_times(browser: Client) -> None:
    OldAttemptFactory.create(status="started", start_time=timezone.now() - timedelta(days=900))
    text_of(browser.get(page(ExamAttempt, "changelist")))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", ["created", "ready_to_submit", "started"])
def test_a_status_chosen_too_late_leaves_the_submission(
    status: str, administrator: User, trail: Trail, events_owed: EventsOwed
) -> None:
    attempt = overdue_attempt()
    assert "An attempt that is submitted does not become" in text_of(choose(browser_of(administrator), attempt, status))
    assert trail(attempt) == ["created", "started", "submitted"]
    assert events_owed() == ["submitted"]


@pytest.mark.django_db(transaction=True)
def test_deleting_one_out_of_time_tells_of_both(browser: Client, events_owed: EventsOwed) -> None:
    attempt = overdue_attempt()
    assert browser.post(page(ExamAttempt, "delete", attempt.pk), {"post": "yes"}).status_code == 302
    assert events_owed() == ["submitted", "reset"]


def test_while_the_last_seconds_run_a_page_asks_to_try_again(browser: Client, trail: Trail) -> None:
    attempt = running_attempt(at=timezone.now() - timedelta(minutes=59, seconds=57))
    answer = choose(browser, attempt, "ready_to_submit")
    assert messages_of(answer) == ["The time of this attempt ends at this moment. Please try again in a few seconds."]
    assert trail(attempt) == ["created", "started"]
