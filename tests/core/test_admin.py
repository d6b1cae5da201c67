"""The admin: every page works and costs the same at any size; what is written there goes the way of every write."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from edx_exams.apps.core.models import (
    AssessmentControlResult,
    CourseExamConfiguration,
    CourseStaffRole,
    Exam,
    ExamAttempt,
    ProctoringProvider,
    StudentAllowance,
    User,
)
from edx_exams.apps.events.models import OutboxEvent
from tests.core.conftest import EventsOwed, Trail, reloaded
from tests.factories import (
    AllowanceFactory,
    ConfigurationFactory,
    CourseStaffRoleFactory,
    ExamFactory,
    OldAttemptFactory,
    ProviderFactory,
    ResultFactory,
    UserFactory,
    make_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db

OURS: Final[list[type[Model]]] = [
    User,
    CourseStaffRole,
    ProctoringProvider,
    CourseExamConfiguration,
    Exam,
    ExamAttempt,
    AssessmentControlResult,
    StudentAllowance,
    OutboxEvent,
]
WITH_HISTORY: Final[list[type[Model]]] = [Exam, ExamAttempt]

StatementsOf = Callable[[Callable[[], Any]], list[str]]


@pytest.fixture
def superuser(db: None) -> User:
    return UserFactory.create(username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def browser(superuser: User) -> Client:
    """The superuser's browser."""
    client = Client()
    client.force_login(superuser, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(model: type[Model], name: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def fill(rows: int) -> None:
    """So many rows more of each model, each with others of its own behind its foreign keys."""
    for number in range(rows):
        provider = ProviderFactory.create()
        course_id = f"course-v1:Acme+{provider.pk}+{number}"
        ConfigurationFactory.create(course_id=course_id, provider=provider)
        CourseStaffRoleFactory.create(course_id=course_id)
        exam = ExamFactory.create(course_id=course_id, exam_type="proctored", provider=provider)
        AllowanceFactory.create(exam=exam)
        ResultFactory.create(attempt=submitted_attempt(exam))


def text_of(response: Any) -> str:
    """The page that was answered."""
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


def test_every_model_of_ours_is_there() -> None:
    assert set(OURS) <= set(admin.site._registry)


def test_nobody_gets_in_without_being_staff(learner: User) -> None:
    client = Client()
    assert client.get(page(Exam, "changelist")).status_code == 302
    client.force_login(learner, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(page(Exam, "changelist")).status_code == 302


def test_the_front_page_lists_them(browser: Client) -> None:
    assert "Special exams" in text_of(browser.get("/admin/"))


@pytest.mark.parametrize("model", OURS)
class TestPages:
    """List, search, page of one row."""

    def test_the_list_costs_the_same_at_any_size(
        self, model: type[Model], browser: Client, statements_of: StatementsOf
    ) -> None:
        counts, sizes = [], []
        for more in (2, 5):
            fill(more)
            counts.append(len(statements_of(lambda: text_of(browser.get(page(model, "changelist"))))))
            sizes.append(model._default_manager.count())
        assert counts[0] == counts[1]
        assert sizes[0] < sizes[1]

    def test_typing_in_the_search_box_never_errs(self, model: type[Model], browser: Client) -> None:
        fill(1)
        for text in ("learner", "%'\\", "1", "é", "no such thing"):
            text_of(browser.get(page(model, "changelist"), {"q": text}))

    def test_every_column_of_the_list_can_be_ordered_by(self, model: type[Model], browser: Client) -> None:
        fill(2)
        for order in ("1.2.3.4.5.6.7", "-1.-2.-3.-4.-5.-6.-7"):
            text_of(browser.get(page(model, "changelist"), {"o": order}))

    def test_the_page_of_a_row_costs_the_same_however_many_others_there_are(
        self, model: type[Model], browser: Client, statements_of: StatementsOf
    ) -> None:
        fill(1)
        row = model._default_manager.latest("pk")
        text_of(browser.get(page(model, "change", row.pk)))  # what a process looks up once is known from here on
        counts = []
        for more in (1, 5):
            fill(more)
            counts.append(len(statements_of(lambda: text_of(browser.get(page(model, "change", row.pk))))))
        assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "model", [User, CourseStaffRole, ProctoringProvider, StudentAllowance, AssessmentControlResult]
)
def test_rows_can_be_added_by_hand(model: type[Model], browser: Client) -> None:
    text_of(browser.get(page(model, "add")))


@pytest.mark.parametrize("model", WITH_HISTORY)
def test_the_history_of_a_row_costs_the_same_however_long_it_is(
    model: type[Model], browser: Client, statements_of: StatementsOf
) -> None:
    fill(1)
    row: Any = model._default_manager.latest("pk")
    counts = []
    for more in (1, 20):
        for _ in range(more):
            row.save()
        counts.append(len(statements_of(lambda: text_of(browser.get(page(model, "history", row.pk))))))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("model", "search"),
    [
        (User, "Lovelace"),
        (CourseStaffRole, "lovelace"),
        (ExamAttempt, "ada@example.com"),
        (ExamAttempt, "Ada's exam"),
        (ExamAttempt, "Ada101"),
        (Exam, "Ada101"),
        (StudentAllowance, "lovelace"),
        (AssessmentControlResult, "lovelace"),
    ],
)
def test_the_search_finds_by_person_exam_and_course(model: type[Model], search: str, browser: Client) -> None:
    fill(2)
    ada = UserFactory.create(username="lovelace", email="ada@example.com", full_name="Ada Lovelace")
    exam = ExamFactory.create(course_id="course-v1:Acme+Ada101+2026", exam_name="Ada's exam")
    CourseStaffRoleFactory.create(user=ada, course_id=exam.course_id)
    AllowanceFactory.create(user=ada, exam=exam)
    ResultFactory.create(attempt=OldAttemptFactory.create(user=ada, exam=exam))
    response: Any = browser.get(page(model, "changelist"), {"q": search})
    assert response.context["cl"].result_count == 1


def test_what_names_a_row_is_shown_and_not_edited(browser: Client) -> None:
    exam = ExamFactory.create(proctored=True)
    configuration = ConfigurationFactory.create()
    changes = {"course_id": "course-v1:Other+1+1", "resource_id": "other", "provider": "", "exam_name": "Renamed"}
    kept = {"content_id": exam.content_id, "exam_type": exam.exam_type, "time_limit_mins": 60, "is_active": "on"}
    browser.post(page(Exam, "change", exam.pk), {**kept, **changes, "provider": exam.provider_id})
    browser.post(page(CourseExamConfiguration, "change", configuration.pk), {**changes, "allow_opt_out": "on"})
    before, provider = exam, configuration.provider
    exam, configuration = Exam.objects.get(), CourseExamConfiguration.objects.get()
    assert (exam.exam_name, exam.course_id, exam.resource_id) == ("Renamed", before.course_id, before.resource_id)
    assert (configuration.allow_opt_out, configuration.provider) == (True, provider)


def test_a_change_of_an_exam_leaves_history_with_who(browser: Client, superuser: User) -> None:
    exam = ExamFactory.create()
    form = {"content_id": exam.content_id, "exam_type": "timed", "time_limit_mins": 5, "exam_name": "x"}
    browser.post(page(Exam, "change", exam.pk), {**form, "is_active": "on"})
    row = Exam.history.filter(id=exam.pk).latest("history_id")
    assert (row.time_limit_mins, row.history_user) == (5, superuser)


def test_events_are_looked_at_and_not_edited(browser: Client) -> None:
    submitted_attempt()
    event = OutboxEvent.objects.get()
    assert browser.get(page(OutboxEvent, "add")).status_code == 403
    assert browser.post(page(OutboxEvent, "change", event.pk), {"state": "failed"}).status_code == 403
    assert browser.post(page(OutboxEvent, "delete", event.pk), {"post": "yes"}).status_code == 403
    assert OutboxEvent.objects.get().state == "pending"


class TestAttempts:
    """A status chosen by hand is reached as over the API; deleting is a reset."""

    def choose(self, browser: Client, attempt: ExamAttempt, status: str) -> Any:
        return browser.post(page(ExamAttempt, "change", attempt.pk), {"status": status})

    def test_a_status_chosen_sends_its_event_and_leaves_history_with_who(
        self, browser: Client, superuser: User, trail: Trail, events_owed: EventsOwed
    ) -> None:
        attempt = submitted_attempt()
        assert self.choose(browser, attempt, "verified").status_code == 302
        assert trail(attempt) == ["created", "started", "submitted", "verified"]
        row = ExamAttempt.history.filter(id=attempt.pk).latest("history_id")
        assert (row.history_user, row.history_change_reason) == (superuser, "changed in the admin")
        assert events_owed() == ["submitted", "verified"]

    def test_a_submission_by_hand_sets_the_end(self, browser: Client) -> None:
        attempt = running_attempt()
        self.choose(browser, attempt, "submitted")
        assert reloaded(attempt).end_time is not None

    def test_the_same_status_changes_nothing(self, browser: Client, trail: Trail, events_owed: EventsOwed) -> None:
        attempt = submitted_attempt()
        assert self.choose(browser, attempt, "submitted").status_code == 302
        assert trail(attempt) == ["created", "started", "submitted"]
        assert events_owed() == ["submitted"]

    def test_what_the_rules_refuse_is_refused_beside_the_field(self, browser: Client, trail: Trail) -> None:
        attempt = submitted_attempt()
        response = self.choose(browser, attempt, "started")
        assert "An attempt that is submitted does not become started again." in text_of(response)
        assert trail(attempt)[-1] == "submitted"

    def test_what_only_the_transition_finds_out_is_shown_as_a_message(self, browser: Client, learner: User) -> None:
        running_attempt(user=learner, exam_name="Midterm")
        attempt = make_attempt(user=learner)
        response = self.choose(browser, attempt, "started")
        assert any("“Midterm” is in progress" in str(message) for message in get_messages(response.wsgi_request))
        assert reloaded(attempt).status == "created"

    @pytest.mark.parametrize(
        ("name", "value"), [("attempt_number", 9), ("allowed_time_limit_mins", 999), ("start_time_0", "2020-01-01")]
    )
    def test_nothing_but_the_status_can_be_edited(self, name: str, value: object, browser: Client) -> None:
        attempt = running_attempt()
        browser.post(page(ExamAttempt, "change", attempt.pk), {"status": "started", name: value})
        after = reloaded(attempt)
        assert (after.attempt_number, after.allowed_time_limit_mins, after.start_time) == (1, 60, attempt.start_time)

    def test_deleting_one_is_a_reset(self, browser: Client, superuser: User, events_owed: EventsOwed) -> None:
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

    def test_deleting_many_is_a_reset_of_each(self, browser: Client, events_owed: EventsOwed) -> None:
        attempts = [make_attempt() for _ in range(3)]
        form = {"action": "delete_selected", "_selected_action": [attempt.pk for attempt in attempts[:2]]}
        text_of(browser.post(page(ExamAttempt, "changelist"), form))
        assert browser.post(page(ExamAttempt, "changelist"), {**form, "post": "yes"}).status_code == 302
        assert list(ExamAttempt.objects.all()) == attempts[2:]
        assert events_owed() == ["reset", "reset"]

    def test_none_can_be_added(self, browser: Client) -> None:
        assert browser.get(page(ExamAttempt, "add")).status_code == 403

    def test_they_can_be_filtered_by_status(self, browser: Client) -> None:
        submitted_attempt()
        make_attempt()
        response: Any = browser.get(page(ExamAttempt, "changelist"), {"status__exact": "submitted"})
        assert response.context["cl"].result_count == 1

    def test_the_list_shows_old_rows_without_any_times(self, browser: Client) -> None:
        OldAttemptFactory.create(status="started", start_time=timezone.now() - timedelta(days=900))
        text_of(browser.get(page(ExamAttempt, "changelist")))


def test_a_second_active_exam_of_one_content_is_refused_and_no_error(browser: Client) -> None:
    active = ExamFactory.create()
    retired = ExamFactory.create(content_id=active.content_id, is_active=False)
    form = {"content_id": active.content_id, "exam_type": "timed", "time_limit_mins": 5, "exam_name": "x"}
    text_of(browser.post(page(Exam, "change", retired.pk), {**form, "is_active": "on"}))
    assert list(Exam.objects.filter(is_active=True)) == [active]
