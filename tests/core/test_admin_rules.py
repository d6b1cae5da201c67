# SPDX-License-Identifier: AGPL-3.0-only
"""Writes in the admin that the domain refuses, or carries on as over the API."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client

from edx_exams.apps.core.models import (
    CourseExamConfiguration,
    Exam,
    ExamAttempt,
    ProctoringProvider,
    StudentAllowance,
    User,
)
from tests.core.conftest import page, reloaded, text_of
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ConfigurationFactory,
    ExamFactory,
    ProviderFactory,
    UserFactory,
    make_attempt,
    running_attempt,
)

pytestmark = pytest.mark.django_db


def kept_provider() -> Model:
    provider = ProviderFactory.create()
    ExamFactory.create(exam_type="proctored", provider=provider)
    return provider


def kept_configuration() -> Model:
    return ConfigurationFactory.create(course_id=ExamFactory.create().course_id)


def kept_user() -> Model:
    return make_attempt().user


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (kept_provider, "Leave the provider as it is"),
        (kept_configuration, "Change the provider instead"),
        (kept_user, "Retire the user instead"),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_what_others_depend_on_is_not_deleted_and_the_page_says_what_to_do(
    make: Any, advice: str, many: bool, browser: Client
) -> None:
    row = make()
    model = type(row)
    path = page(model, "changelist") if many else page(model, "delete", row.pk)
    action = {"action": "delete_selected", "_selected_action": [row.pk]} if many else {}
    asked = browser.post(path, action) if many else browser.get(path)
    assert advice in text_of(asked)
    browser.post(path, {**action, "post": "yes"})
    assert model._default_manager.filter(pk=row.pk).exists()


def test_what_nothing_depends_on_can_be_deleted(browser: Client) -> None:
    for row in (ProviderFactory.create(), ConfigurationFactory.create(provider=None), UserFactory.create()):
        assert browser.post(page(type(row), "delete", row.pk), {"post": "yes"}).status_code == 302
        assert not type(row)._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("name", ["content_id", "exam_type", "resource_id", "course_id", "provider"])
def test_what_makes_an_exam_the_one_it_is_cannot_be_edited(name: str, browser: Client) -> None:
    exam = ExamFactory.create()
    before = getattr(exam, f"{name}_id" if name == "provider" else name)
    form = {"exam_name": "Renamed", "time_limit_mins": 5, "is_active": "on"}
    browser.post(page(Exam, "change", exam.pk), {**form, name: ProviderFactory.create().pk})
    after = Exam.objects.get(pk=exam.pk)
    assert (after.exam_name, getattr(after, f"{name}_id" if name == "provider" else name)) == ("Renamed", before)


@pytest.mark.parametrize("minutes", [-1, 525_601, 2_147_483_647, "x"])
def test_a_time_limit_is_at_most_a_year(minutes: object, browser: Client) -> None:
    exam = ExamFactory.create()
    form = {"exam_name": "x", "time_limit_mins": minutes, "is_active": "on"}
    assert "errorlist" in text_of(browser.post(page(Exam, "change", exam.pk), form))
    assert Exam.objects.get(pk=exam.pk).time_limit_mins == exam.time_limit_mins


def test_an_exam_can_be_added_and_gets_the_provider_of_its_course(browser: Client, superuser: User) -> None:
    configuration = ConfigurationFactory.create(course_id=COURSE_ID)
    other = ExamFactory.create(course_id=COURSE_ID)
    form = {
        "course_id": COURSE_ID,
        "content_id": f"{COURSE_ID.replace('course-v1', 'block-v1')}+type@sequential+block@new",
        "exam_type": "proctored",
        "exam_name": "Added",
        "time_limit_mins": 30,
    }
    assert browser.post(page(Exam, "add"), form).status_code == 302
    exam = Exam.objects.get(exam_name="Added")
    assert (exam.is_active, exam.provider, exam.time_limit_mins) == (True, configuration.provider, 30)
    assert Exam.objects.get(pk=other.pk).is_active
    assert exam.history.latest("history_id").history_user == superuser
    for wrong in ({}, {"content_id": "elsewhere"}, {"course_id": f"{COURSE_ID} "}):
        assert "errorlist" in text_of(browser.post(page(Exam, "add"), {**form, **wrong}))
    assert Exam.objects.count() == 2


def test_a_configuration_can_be_added_and_moves_the_courses_exams_along(browser: Client) -> None:
    old = ExamFactory.create(exam_type="proctored")
    provider = ProviderFactory.create()
    form = {"course_id": old.course_id, "provider": provider.pk, "escalation_email": "help@example.com"}
    assert browser.post(page(CourseExamConfiguration, "add"), {**form, "allow_opt_out": "on"}).status_code == 302
    made = CourseExamConfiguration.objects.get()
    assert (made.provider, made.escalation_email, made.allow_opt_out) == (provider, "help@example.com", True)
    assert [exam.provider for exam in Exam.objects.filter(is_active=True)] == [provider]


def test_an_allowance_reaches_a_running_attempt_as_over_the_api(browser: Client) -> None:
    attempt = running_attempt()
    form = {"user": attempt.user_id, "exam": attempt.exam_id, "extra_time_mins": 20}
    assert browser.post(page(StudentAllowance, "add"), form).status_code == 302
    assert reloaded(attempt).allowed_time_limit_mins == 80
    allowance = StudentAllowance.objects.get()
    browser.post(page(StudentAllowance, "change", allowance.pk), {"extra_time_mins": 30})
    assert reloaded(attempt).allowed_time_limit_mins == 90
    browser.post(page(StudentAllowance, "delete", allowance.pk), {"post": "yes"})
    assert not StudentAllowance.objects.exists()
    assert reloaded(attempt).allowed_time_limit_mins == 90


def test_an_allowance_of_more_than_a_year_is_refused(browser: Client) -> None:
    allowance = AllowanceFactory.create()
    form = {"extra_time_mins": 525_601}
    assert "errorlist" in text_of(browser.post(page(StudentAllowance, "change", allowance.pk), form))


def test_the_domains_refusal_is_shown_and_nothing_has_changed(browser: Client) -> None:
    exam = ExamFactory.create(is_active=False)
    form = {"user": UserFactory.create().pk, "exam": exam.pk}
    for model, more in ((ExamAttempt, {}), (StudentAllowance, {"extra_time_mins": 5})):
        answer = browser.post(page(model, "add"), {**form, **more})
        assert list(get_messages(answer.wsgi_request))
        assert not model._default_manager.exists()


def test_a_name_that_was_set_aside_is_shown_and_not_edited(browser: Client) -> None:
    aside, usual = UserFactory.create(username="ada~7"), UserFactory.create()
    assert 'name="username"' not in text_of(browser.get(page(User, "change", aside.pk)))
    assert 'name="username"' in text_of(browser.get(page(User, "change", usual.pk)))


@pytest.mark.parametrize("search", ["lti-77", "LTI-77"])
def test_providers_are_found_by_their_lti_configuration(search: str, browser: Client) -> None:
    ProviderFactory.create(lti_configuration_id="lti-77")
    ProviderFactory.create()
    response: Any = browser.get(page(ProctoringProvider, "changelist"), {"q": search})
    assert response.context["cl"].result_count == 1
