# SPDX-License-Identifier: AGPL-3.0-only
"""The admin: every page works and costs the same at any size; what is written there goes the way of every write."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from edx_exams.apps.core.exams import edit_exam
from edx_exams.apps.core.exceptions import ExamIsActiveAlready
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
from tests.core.conftest import page, text_of
from tests.factories import (
    AllowanceFactory,
    ConfigurationFactory,
    CourseStaffRoleFactory,
    ExamFactory,
    OldAttemptFactory,
    ProviderFactory,
    ResultFactory,
    UserFactory,
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


def test_every_model_of_ours_is_there() -> None:
    assert set(OURS) <= set(admin.site._registry)


@pytest.mark.parametrize("model", OURS)
def test_each_list_can_be_searched_filtered_and_has_an_order(model: type[Model]) -> None:
    ours = admin.site._registry[model]
    assert ours.search_fields
    assert ours.list_filter
    assert ours.ordering
    assert tuple(ours.list_display) != ("__str__",)


def test_nobody_gets_in_without_being_staff(learner: User) -> None:
    client = Client()
    assert client.get(page(Exam, "changelist")).status_code == 302
    client.force_login(learner, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(page(Exam, "changelist")).status_code == 302


def test_the_front_page_lists_them(browser: Client) -> None:
    assert "Special exams" in text_of(browser.get("/admin/"))


@pytest.mark.exhaustive
def test_no_search_box_errs_on_a_page_pasted_into_it(browser: Client) -> None:
    searchable = [model for model, pages in admin.site._registry.items() if is_ours(model) and pages.search_fields]
    assert len(searchable) > len(OURS)
    for model in searchable:
        for text in ("word " * 2_000, "w" * 60_000):
            text_of(browser.get(page(model, "changelist"), {"q": text}))


def is_ours(model: type[Model]) -> bool:
    return model.__module__.startswith("edx_exams.")


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
        for text in ("learner", "%'\\", "1", "é", "no such thing", "a\0b", '"half a quote'):
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


@pytest.mark.parametrize("model", [model for model in OURS if model._meta.app_label == "core"])
def test_nor_does_pasting_a_whole_page_into_it(model: type[Model], browser: Client) -> None:
    fill(1)
    for text in ("a " * 1500, "x" * 50_001, " ".join(map(str, range(400)))):
        text_of(browser.get(page(model, "changelist"), {"q": text}))


@pytest.mark.parametrize("model", WITH_HISTORY)
def test_the_history_of_a_row_costs_the_same_however_long_it_is(
    model: type[Model], browser: Client, statements_of: StatementsOf
) -> None:
    fill(1)
    row: Any = model._default_manager.latest("pk")
    text_of(browser.get(page(model, "history", row.pk)))  # what a process looks up once is known from here on
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


def test_a_change_of_an_exam_leaves_history_with_who_and_why(browser: Client, superuser: User) -> None:
    exam = ExamFactory.create()
    form = {"content_id": exam.content_id, "exam_type": "timed", "time_limit_mins": 5, "exam_name": "x"}
    browser.post(page(Exam, "change", exam.pk), {**form, "is_active": "on"})
    row = Exam.history.filter(id=exam.pk).latest("history_id")
    assert (row.time_limit_mins, row.history_user) == (5, superuser)
    assert row.history_change_reason == "changed in the admin"


def test_events_are_looked_at_and_not_edited(browser: Client) -> None:
    submitted_attempt()
    event = OutboxEvent.objects.get()
    assert browser.get(page(OutboxEvent, "add")).status_code == 403
    assert browser.post(page(OutboxEvent, "change", event.pk), {"state": "failed"}).status_code == 403
    assert browser.post(page(OutboxEvent, "delete", event.pk), {"post": "yes"}).status_code == 403
    assert OutboxEvent.objects.get().state == "pending"


def test_a_second_active_exam_of_one_content_is_refused_and_no_error(browser: Client) -> None:
    active = ExamFactory.create()
    retired = ExamFactory.create(content_id=active.content_id, is_active=False)
    form = {"content_id": active.content_id, "exam_type": "timed", "time_limit_mins": 5, "exam_name": "x"}
    text_of(browser.post(page(Exam, "change", retired.pk), {**form, "is_active": "on"}))
    assert list(Exam.objects.filter(is_active=True)) == [active]


@pytest.mark.usefixtures("without_one_active_exam_each")
def test_nor_where_the_form_has_not_seen_it_coming(browser: Client, superuser: User) -> None:
    active = ExamFactory.create()
    retired = ExamFactory.create(content_id=active.content_id, is_active=False)
    retired.is_active = True
    with pytest.raises(ExamIsActiveAlready):
        edit_exam(retired, ["is_active"], by=superuser)
    assert list(Exam.objects.filter(is_active=True)) == [active]


def test_only_what_was_changed_of_an_exam_is_written(superuser: User) -> None:
    exam = ExamFactory.create()
    Exam.objects.update(exam_name="Renamed meanwhile")
    exam.time_limit_mins = 5
    edit_exam(exam, ["time_limit_mins"], by=superuser)
    after = Exam.objects.get()
    assert (after.exam_name, after.time_limit_mins) == ("Renamed meanwhile", 5)
