# SPDX-License-Identifier: AGPL-3.0-only
"""`configs`, `providers` and `provider_settings`: who proctors a course's exams, who could, and whom to turn to."""

from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.models import CourseExamConfiguration, Exam, StudentAllowance, User
from tests.api.conftest import Unchanged
from tests.api.contract import API, assert_refused, exam_item
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ConfigurationFactory,
    ExamFactory,
    ProviderFactory,
    make_attempt,
)

pytestmark = pytest.mark.django_db

CONFIGURATION: Final = f"{API}/configs/course_id/{COURSE_ID}"


def configure(client: APIClient, provider: Any, escalation_email: Any = None) -> Any:
    return client.patch(CONFIGURATION, {"provider": provider, "escalation_email": escalation_email}, format="json")


def configured(client: APIClient, provider: Any, escalation_email: Any = None) -> None:
    """Configure, and see the answer that says it is done."""
    answer = configure(client, provider, escalation_email)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers or not answer.content


# GET


def test_a_course_without_configuration_says_null_twice(as_learner: APIClient) -> None:
    answer = as_learner.get(CONFIGURATION)
    assert (answer.status_code, answer.json()) == (200, {"provider": None, "escalation_email": None})


def test_a_configuration_names_its_provider(as_learner: APIClient) -> None:
    configuration = ConfigurationFactory.create(escalation_email="help@example.com")
    assert configuration.provider
    assert as_learner.get(CONFIGURATION).json() == {
        "provider": configuration.provider.name,
        "escalation_email": "help@example.com",
    }


def test_the_configuration_of_a_course_that_differs_in_case_is_another(as_learner: APIClient) -> None:
    ConfigurationFactory.create()
    assert as_learner.get(f"{API}/configs/course_id/{COURSE_ID.replace('BIO', 'bio')}").json()["provider"] is None


# PATCH


def test_a_configuration_is_created_and_then_changed(as_course_team: APIClient) -> None:
    acme, other = ProviderFactory.create_batch(2)
    configured(as_course_team, acme.name, "help@example.com")
    row = CourseExamConfiguration.objects.get()
    assert (row.course_id, row.provider, row.escalation_email) == (COURSE_ID, acme, "help@example.com")
    configured(as_course_team, other.name, None)
    row = CourseExamConfiguration.objects.get()
    assert (row.provider, row.escalation_email) == (other, None)


def test_no_provider_clears_the_address_too(as_course_team: APIClient) -> None:
    ConfigurationFactory.create(escalation_email="help@example.com", allow_opt_out=True)
    configured(as_course_team, None, None)
    row = CourseExamConfiguration.objects.get()
    assert (row.provider, row.escalation_email, row.allow_opt_out) == (None, None, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"provider": "nobody", "escalation_email": None}, "provider"),
        ({"provider": "ACME", "escalation_email": None}, "provider"),
        ({"provider": "", "escalation_email": None}, "provider"),
        ({"provider": "acme", "escalation_email": "no address"}, "escalation_email"),
        ({"provider": "acme", "escalation_email": ""}, "escalation_email"),
        ({"provider": "acme", "escalation_email": f"{'x' * 250}@example.com"}, "escalation_email"),
        ({"provider": None, "escalation_email": "help@example.com"}, "escalation_email"),
        ({"provider": "acme"}, "escalation_email"),
        ({"escalation_email": "help@example.com"}, "provider"),
        ({}, "provider"),
    ],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_wrong_configuration_is_refused_and_its_field_named(
    is_new: bool, body: dict[str, Any], field: str, as_course_team: APIClient, unchanged: Unchanged
) -> None:
    acme = ProviderFactory.create(name="acme")
    ExamFactory.create(exam_type="proctored", provider=acme)
    if not is_new:
        ConfigurationFactory.create(provider=acme)
    with unchanged():
        said = assert_refused(as_course_team.patch(CONFIGURATION, body, format="json"), 400, errors=True)
    assert field in said["errors"]


def test_an_unknown_provider_is_answered_with_the_known_ones(as_course_team: APIClient) -> None:
    ProviderFactory.create(name="acme")
    assert "acme" in assert_refused(configure(as_course_team, "acne"), 400)["detail"]


def test_unknown_keys_are_ignored(as_course_team: APIClient) -> None:
    acme = ProviderFactory.create()
    body = {"provider": acme.name, "escalation_email": None, "allow_opt_out": True, "course_id": "x", "id": 5}
    assert as_course_team.patch(CONFIGURATION, body, format="json").status_code == 204
    row = CourseExamConfiguration.objects.get()
    assert (row.course_id, row.allow_opt_out) == (COURSE_ID, False)


@pytest.mark.parametrize("exam_type", ["proctored", "practice"])
def test_another_provider_gets_copies_of_the_exams_that_it_proctors(
    exam_type: str, as_course_team: APIClient, course_team: User
) -> None:
    configuration = ConfigurationFactory.create()
    as_course_team.patch(f"{API}/exams/course_id/{COURSE_ID}", [exam_item(exam_type=exam_type)], format="json")
    old = Exam.objects.get()
    attempt = make_attempt(old)
    allowance = AllowanceFactory.create(exam=old, extra_time_mins=25)
    other = ProviderFactory.create()

    configured(as_course_team, other.name)

    before = old.provider_id
    old.refresh_from_db()
    new = Exam.objects.get(is_active=True)
    assert (old.is_active, old.provider_id) == (False, before)
    assert before == configuration.provider_id
    assert new.provider == other
    changed = {"id", "modified", "provider_id", "is_active"}
    for field in Exam._meta.concrete_fields:
        is_kept = getattr(new, field.attname) == getattr(old, field.attname)
        assert is_kept or field.attname in changed, field
    assert new.history.get().history_user == course_team
    attempt.refresh_from_db()
    assert attempt.exam_id == old.pk
    copied = StudentAllowance.objects.get(exam=new)
    assert (copied.user_id, copied.extra_time_mins) == (allowance.user_id, 25)


def test_a_timed_exam_is_the_same_instance_under_any_provider(as_course_team: APIClient) -> None:
    ConfigurationFactory.create()
    as_course_team.patch(f"{API}/exams/course_id/{COURSE_ID}", [exam_item(exam_type="timed")], format="json")
    exam = Exam.objects.get()
    configured(as_course_team, ProviderFactory.create().name)
    assert Exam.objects.get() == exam
    assert Exam.objects.get().is_active


def test_the_first_provider_gets_copies_too(as_course_team: APIClient) -> None:
    old = ExamFactory.create(exam_type="proctored")
    configured(as_course_team, ProviderFactory.create().name)
    assert Exam.objects.get(is_active=True).pk != old.pk


def test_the_same_provider_leaves_the_exams_alone(as_course_team: APIClient) -> None:
    configuration = ConfigurationFactory.create()
    exam = ExamFactory.create(exam_type="proctored", provider=configuration.provider)
    assert configuration.provider
    configured(as_course_team, configuration.provider.name, "new@example.com")
    assert Exam.objects.get() == exam
    assert exam.history.count() == 1


def test_no_provider_where_there_was_none_leaves_the_exams_alone(as_course_team: APIClient) -> None:
    exam = ExamFactory.create()
    configured(as_course_team, None)
    assert Exam.objects.get() == exam


def test_inactive_exams_and_other_courses_are_left_alone(as_course_team: APIClient) -> None:
    ExamFactory.create(is_active=False)
    ExamFactory.create(course_id="course-v1:Acme+BIO101+2027")
    configured(as_course_team, ProviderFactory.create().name)
    assert Exam.objects.count() == 2


# Providers


@pytest.mark.parametrize("path", ["providers", "provider"])
def test_providers_have_these_fields(path: str, as_learner: APIClient) -> None:
    provider = ProviderFactory.create(
        name="acme", verbose_name="Acme Proctoring", lti_configuration_id="7", tech_support_email="x@example.com"
    )
    answer = as_learner.get(f"{API}/{path}")
    assert (answer.status_code, answer.json()) == (
        200,
        [{"name": "acme", "verbose_name": "Acme Proctoring", "lti_configuration_id": "7"}],
    )
    assert provider.name == "acme"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["for all", "for Acme", "for acme", "for Other"]),
        *(({"org": blank}, ["for all", "for Acme", "for acme", "for Other"]) for blank in ("", " ", "\u3000")),
        ({"org": "Acme"}, ["for all", "for Acme"]),
        ({"org": "acme"}, ["for all", "for acme"]),
        ({"org": "Nobody"}, ["for all"]),
        ({"org": "Acm"}, ["for all"]),
        ({"unknown": "Acme"}, ["for all", "for Acme", "for acme", "for Other"]),
    ],
)
def test_providers_of_an_organization_are_its_own_and_those_for_all(
    query: dict[str, str], expected: list[str], as_learner: APIClient
) -> None:
    for org in (None, "Acme", "acme", "Other"):
        ProviderFactory.create(name=f"for {org or 'all'}", org_key=org)
    assert [provider["name"] for provider in as_learner.get(f"{API}/providers", query).json()] == expected


# Provider settings


def settings_path(exam_id: int, course_id: str = COURSE_ID) -> str:
    return f"{API}/exam/provider_settings/course_id/{course_id}/exam_id/{exam_id}"


def test_provider_settings_have_these_fields(as_learner: APIClient) -> None:
    provider = ProviderFactory.create(
        verbose_name="Acme Proctoring",
        tech_support_email="support@acme.example.com",
        tech_support_phone="+1 555 0100",
        tech_support_url="https://acme.example.com/support",
    )
    ConfigurationFactory.create(provider=provider, escalation_email="help@example.com")
    exam = ExamFactory.create(exam_type="proctored", provider=provider)
    assert as_learner.get(settings_path(exam.pk)).json() == {
        "provider_tech_support_email": "support@acme.example.com",
        "provider_tech_support_phone": "+1 555 0100",
        "provider_tech_support_url": "https://acme.example.com/support",
        "provider_name": "Acme Proctoring",
        "proctoring_escalation_email": "help@example.com",
    }


def test_what_a_provider_does_not_say_is_null(as_learner: APIClient) -> None:
    exam = ExamFactory.create(proctored=True)
    said = as_learner.get(settings_path(exam.pk)).json()
    assert (said["provider_tech_support_email"], said["proctoring_escalation_email"]) == (None, None)


def test_without_a_provider_only_the_address_is_told(as_learner: APIClient) -> None:
    ConfigurationFactory.create(escalation_email="help@example.com")
    without = ExamFactory.create()
    elsewhere = ExamFactory.create(proctored=True, course_id="course-v1:Acme+BIO101+2027")
    for exam_id in (without.pk, elsewhere.pk, 0, 2**31, 2**62):
        answer = as_learner.get(settings_path(exam_id))
        assert (answer.status_code, answer.json()) == (200, {"proctoring_escalation_email": "help@example.com"})
