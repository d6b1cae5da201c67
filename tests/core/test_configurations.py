# SPDX-License-Identifier: AGPL-3.0-only
"""A course's settings for its exams: its provider, and the address that learners write to."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from edx_exams.apps.core.api import (
    create_or_update_course_exam_configuration,
    get_course_exam_configuration_by_course_id,
    get_escalation_email,
    get_providers,
)
from edx_exams.apps.core.exceptions import UnknownProvider
from edx_exams.apps.core.models import CourseExamConfiguration, Exam, ProctoringProvider, StudentAllowance, User
from tests.core.conftest import NOON
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ConfigurationFactory,
    ExamFactory,
    ProviderFactory,
    running_attempt,
)

pytestmark = pytest.mark.django_db

configure = create_or_update_course_exam_configuration
StatementsOf = Callable[[Callable[[], Any]], list[str]]


@pytest.fixture
def provider() -> ProctoringProvider:
    return ProviderFactory.create(name="proctor_a")


@pytest.fixture
def another_provider() -> ProctoringProvider:
    return ProviderFactory.create(name="proctor_b")


def test_a_course_without_configuration_has_none() -> None:
    assert get_course_exam_configuration_by_course_id(COURSE_ID) is None
    assert get_escalation_email(ExamFactory.create().pk) is None
    assert get_escalation_email(77) is None


def test_it_is_created_then_updated(provider: ProctoringProvider, another_provider: ProctoringProvider) -> None:
    exam = ExamFactory.create(course_id=COURSE_ID)
    configure(COURSE_ID, "proctor_a", "help@example.com")
    assert get_course_exam_configuration_by_course_id(COURSE_ID) == (
        COURSE_ID,
        provider.name,
        False,
        "help@example.com",
    )
    assert get_escalation_email(exam.pk) == "help@example.com"
    configure(COURSE_ID, "proctor_b", None)
    assert get_course_exam_configuration_by_course_id(COURSE_ID) == (COURSE_ID, another_provider.name, False, None)
    assert CourseExamConfiguration.objects.count() == 1


def test_what_it_does_not_name_is_kept(provider: ProctoringProvider) -> None:
    ConfigurationFactory.create(provider=provider, allow_opt_out=True)
    configure(COURSE_ID, "proctor_a", "help@example.com")
    configuration = get_course_exam_configuration_by_course_id(COURSE_ID)
    assert configuration
    assert configuration.allow_opt_out


def test_without_a_provider_there_is_no_address_to_write_to(provider: ProctoringProvider) -> None:
    configure(COURSE_ID, "proctor_a", "help@example.com")
    configure(COURSE_ID, None, "help@example.com")
    assert get_course_exam_configuration_by_course_id(COURSE_ID) == (COURSE_ID, None, False, None)


def test_modified_moves_with_each_change(provider: ProctoringProvider) -> None:
    before = ConfigurationFactory.create(provider=provider).modified
    configure(COURSE_ID, "proctor_a", "help@example.com")
    assert CourseExamConfiguration.objects.get().modified > before


@pytest.mark.parametrize("name", ["proctor_x", "", "PROCTOR_A"])
def test_an_unknown_provider_is_refused_with_the_known_ones_and_nothing_changes(
    name: str, provider: ProctoringProvider, another_provider: ProctoringProvider
) -> None:
    with pytest.raises(UnknownProvider, match="proctor_a, proctor_b") as refusal:
        configure(COURSE_ID, name, None)
    assert refusal.value.field == "provider"
    assert not CourseExamConfiguration.objects.exists()


def test_where_there_are_no_providers_the_refusal_says_so() -> None:
    with pytest.raises(UnknownProvider, match="none"):
        configure(COURSE_ID, "proctor_a", None)


class TestProviderChange:
    """Active exams that a provider proctors become its instances: the old ones retire."""

    def test_the_copy_keeps_everything_but_the_provider(
        self, provider: ProctoringProvider, another_provider: ProctoringProvider, course_team: User
    ) -> None:
        ConfigurationFactory.create(provider=provider)
        old = ExamFactory.create(
            exam_type="proctored", provider=provider, due_date=NOON, hide_after_due=True, time_limit_mins=33
        )
        Exam.objects.update(created=timezone.now() - timedelta(days=300))
        attempt = running_attempt(ExamFactory.create(practice=True, provider=provider))
        configure(COURSE_ID, "proctor_b", None, by=course_team)
        old.refresh_from_db()
        new = Exam.objects.get(content_id=old.content_id, is_active=True)
        assert new.pk != old.pk
        assert new.provider == another_provider
        assert (old.provider, old.is_active) == (provider, False)
        same = ("resource_id", "course_id", "exam_name", "exam_type", "time_limit_mins", "due_date", "hide_after_due")
        assert [getattr(new, name) for name in (*same, "created")] == [
            getattr(old, name) for name in (*same, "created")
        ]
        attempt.refresh_from_db()
        assert not attempt.exam.is_active

    @pytest.mark.parametrize("earlier_provider", [True, False])
    @pytest.mark.usefixtures("provider")
    def test_exams_that_are_not_proctored_stay_as_they_are(
        self, earlier_provider: bool, another_provider: ProctoringProvider
    ) -> None:
        old = ExamFactory.create(exam_type="timed", provider=another_provider if earlier_provider else None)
        configure(COURSE_ID, "proctor_a", None)
        new = Exam.objects.get()
        assert (new.pk, new.is_active, new.provider) == (old.pk, True, None)

    @pytest.mark.parametrize("exam_type", ["practice", "onboarding"])
    def test_practice_exams_get_the_new_provider_too(self, exam_type: str, provider: ProctoringProvider) -> None:
        old = ExamFactory.create(exam_type=exam_type)
        configure(COURSE_ID, "proctor_a", None)
        new = Exam.objects.get(is_active=True)
        assert (new.resource_id, new.provider) == (old.resource_id, provider)
        assert new.pk != old.pk

    @pytest.mark.usefixtures("provider")
    def test_both_rows_have_history_that_says_who_and_why(self, course_team: User) -> None:
        old = ExamFactory.create(exam_type="proctored")
        configure(COURSE_ID, "proctor_a", None, by=course_team)
        new = Exam.objects.get(is_active=True)
        why = "the course's proctoring provider has changed"
        retired = Exam.history.filter(id=old.pk).latest("history_id")
        copied = Exam.history.get(id=new.pk)
        assert (retired.history_type, retired.is_active, retired.history_user, retired.history_change_reason) == (
            "~",
            False,
            course_team,
            why,
        )
        assert (copied.history_type, copied.is_active, copied.history_user, copied.history_change_reason) == (
            "+",
            True,
            course_team,
            why,
        )

    @pytest.mark.usefixtures("provider")
    def test_allowances_are_copied(self) -> None:
        allowance = AllowanceFactory.create(exam=ExamFactory.create(exam_type="proctored"), extra_time_mins=12)
        configure(COURSE_ID, "proctor_a", None)
        copy = StudentAllowance.objects.get(exam__is_active=True)
        assert (copy.user, copy.extra_time_mins) == (allowance.user, 12)

    @pytest.mark.usefixtures("provider")
    def test_inactive_exams_and_other_courses_are_left_alone(self) -> None:
        ExamFactory.create(is_active=False)
        ExamFactory.create(course_id="course-v1:Acme+BIO102+2026")
        before = list(Exam.objects.values())
        configure(COURSE_ID, "proctor_a", None)
        assert list(Exam.objects.values()) == before

    def test_taking_the_provider_away_is_a_change(self, provider: ProctoringProvider) -> None:
        ConfigurationFactory.create(provider=provider)
        old = ExamFactory.create(exam_type="proctored", provider=provider)
        configure(COURSE_ID, None, None)
        new = Exam.objects.get(is_active=True)
        assert new.pk != old.pk
        assert new.provider is None

    def test_the_same_provider_is_none(self, provider: ProctoringProvider) -> None:
        ConfigurationFactory.create(provider=provider)
        exam = ExamFactory.create(exam_type="proctored", provider=provider)
        configure(COURSE_ID, "proctor_a", "help@example.com")
        assert list(Exam.objects.all()) == [exam]

    def test_a_missing_row_counts_as_without_provider(self) -> None:
        exam = ExamFactory.create(exam_type="proctored")
        configure(COURSE_ID, None, None)
        assert list(Exam.objects.all()) == [exam]
        assert CourseExamConfiguration.objects.get().provider is None

    @pytest.mark.usefixtures("provider", "without_one_active_exam_each")
    def test_duplicates_of_an_old_database_get_one_copy(self) -> None:
        first = ExamFactory.create(exam_type="proctored")
        newest = ExamFactory.create(exam_type="proctored", content_id=first.content_id)
        configure(COURSE_ID, "proctor_a", None)
        assert Exam.objects.get(is_active=True).resource_id == newest.resource_id
        assert Exam.objects.filter(is_active=False).count() == 2

    def test_the_number_of_statements_does_not_grow_with_the_number_of_exams(
        self, provider: ProctoringProvider, course_team: User, statements_of: StatementsOf
    ) -> None:
        statements = set()
        for size in (3, 30, 300):
            course_id = f"course-v1:Acme+Size{size}+2026"
            exams = Exam.objects.bulk_create(
                ExamFactory.build(course_id=course_id, exam_type="proctored") for _ in range(size)
            )
            StudentAllowance.objects.bulk_create(
                StudentAllowance(exam=exam, user=course_team, extra_time_mins=5) for exam in exams
            )
            statements.add(len(statements_of(partial(configure, course_id, "proctor_a", None, by=course_team))))
            assert Exam.objects.filter(course_id=course_id, is_active=True, provider=provider).count() == size
        assert len(statements) == 1


def test_providers_are_those_of_the_organization_and_those_of_all() -> None:
    for_all = ProviderFactory.create()
    for_all_too = ProviderFactory.create(org_key="")
    for_acme = ProviderFactory.create(org_key="Acme")
    for_other = ProviderFactory.create(org_key="Other")
    assert list(get_providers()) == [for_all, for_all_too, for_acme, for_other]
    assert list(get_providers("Acme")) == [for_all, for_all_too, for_acme]
    assert list(get_providers("acme")) == [for_all, for_all_too]
