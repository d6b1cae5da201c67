# SPDX-License-Identifier: AGPL-3.0-only
"""Stories of learners and course teams when an exam changes its type or provider, goes, and comes back."""

from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, ExamAttempt, ProctoringProvider, StudentAllowance, User
from tests.api.contract import API, CONTENT_ID, exam_item
from tests.factories import COURSE_ID, ConfigurationFactory, ProviderFactory, UserFactory, running_attempt

pytestmark = pytest.mark.django_db

EXAMS: Final = f"{API}/exams/course_id/{COURSE_ID}"
ALLOWANCES: Final = f"{EXAMS}/allowances"


class Team:
    """The course's team, at work over HTTP."""

    def __init__(self, client: APIClient) -> None:
        self.client = client

    def publish(self, *kinds: str, **changes: Any) -> Exam:
        """Push one content with each of these types in turn; `""` removes it. Returns the exam that is active then."""
        for kind in kinds:
            items = [exam_item(exam_type=kind, **changes)] if kind else []
            assert self.client.patch(EXAMS, items, format="json").status_code == 200
            assert Exam.objects.filter(course_id=COURSE_ID, is_active=True).count() == len(items)
        return Exam.objects.filter(course_id=COURSE_ID, is_active=True).first() or Exam()

    def choose(self, *providers: ProctoringProvider | None) -> Exam:
        """Configure these providers in turn. Returns the exam that is active then."""
        for provider in providers:
            body = {"provider": provider.name if provider else None, "escalation_email": None}
            path = f"{API}/configs/course_id/{COURSE_ID}"
            assert self.client.patch(path, body, format="json").status_code == 204
        return Exam.objects.get(course_id=COURSE_ID, is_active=True)

    def allow(self, exam: Exam, minutes: dict[User, int]) -> None:
        """Grant extra time."""
        body = [
            {"username": user.username, "exam_id": exam.pk, "extra_time_mins": extra} for user, extra in minutes.items()
        ]
        assert self.client.post(ALLOWANCES, body, format="json").status_code == 200


@pytest.fixture
def team(as_course_team: APIClient) -> Team:
    return Team(as_course_team)


@pytest.fixture
def provider() -> ProctoringProvider:
    """The course's provider."""
    return ConfigurationFactory.create().provider  # type: ignore[return-value]


def create(client: APIClient, exam: Exam, *, start: bool = False) -> Any:
    return client.post(f"{API}/exams/attempt", {"exam_id": exam.pk, "start_clock": str(start).lower()}, format="json")


def act(client: APIClient, attempt_id: int, action: str) -> Any:
    return client.put(f"{API}/exams/attempt/{attempt_id}", {"action": action}, format="json")


def sit_and_submit(client: APIClient, exam: Exam) -> int:
    attempt_id = int(create(client, exam, start=True).json()["exam_attempt_id"])
    assert act(client, attempt_id, "submit").status_code == 200
    return attempt_id


def granted(exam: Exam) -> dict[str, int]:
    return dict(StudentAllowance.objects.filter(exam=exam).values_list("user__username", "extra_time_mins"))


@pytest.mark.parametrize(
    "way", [("proctored", "timed"), ("", "timed"), ("practice", "", "timed"), ("proctored", "practice", "timed")]
)
@pytest.mark.usefixtures("provider")
def test_who_has_submitted_gets_no_second_clock_when_the_exam_comes_back(
    way: tuple[str, ...], team: Team, as_learner: APIClient
) -> None:
    exam = team.publish("timed")
    attempt_id = sit_and_submit(as_learner, exam)
    back = team.publish(*way, time_limit_mins=90, exam_name="Again")
    assert back.pk == exam.pk
    assert (back.time_limit_mins, back.exam_name, back.resource_id) == (90, "Again", exam.resource_id)
    assert create(as_learner, back).status_code == 400
    assert act(as_learner, attempt_id, "start").status_code == 400


def test_a_provider_that_comes_back_brings_its_instance_and_attempts(
    team: Team, provider: ProctoringProvider, as_learner: APIClient
) -> None:
    other = ProviderFactory.create()
    exam = team.publish("proctored")
    create(as_learner, exam)
    with_other = team.choose(other)
    assert (with_other.provider, with_other.resource_id, with_other.created) == (other, exam.resource_id, exam.created)
    assert create(as_learner, with_other).status_code == 200
    back = team.choose(provider)
    assert back.pk == exam.pk
    assert create(as_learner, back).status_code == 400
    assert list(ExamAttempt.objects.order_by("pk").values_list("exam", "attempt_number")) == [
        (exam.pk, 1),
        (with_other.pk, 2),
    ]
    assert team.choose(None, other).pk == with_other.pk
    assert Exam.objects.count() == 3


def test_a_new_row_is_made_only_for_an_instance_that_never_was(team: Team, provider: ProctoringProvider) -> None:
    other = ProviderFactory.create()
    rows = {team.publish(kind).pk for kind in ("timed", "proctored", "practice", "timed", "", "proctored", "practice")}
    assert len(rows) == Exam.objects.count() + 1 == 4  # and None, where there was no exam
    assert Exam.objects.values("resource_id").distinct().count() == 3
    team.choose(other, provider, other)
    assert Exam.objects.count() == 4  # practice, with the other one
    team.publish("timed", "practice", "proctored")
    assert Exam.objects.count() == 5


def test_an_exam_switched_off_in_place_comes_back_as_it_was(team: Team, as_course_team: APIClient) -> None:
    exam = team.publish("timed")
    for item in (exam_item(is_active=False), exam_item()):
        assert as_course_team.patch(EXAMS, [item], format="json").status_code == 200
    assert list(Exam.objects.filter(is_active=True)) == [exam]
    assert Exam.objects.count() == 1


@pytest.mark.usefixtures("provider")
def test_allowances_follow_the_content(team: Team) -> None:
    ada, bob, eve = UserFactory.create_batch(3)
    timed = team.publish("timed")
    team.allow(timed, {ada: 10, eve: 5})
    proctored = team.publish("proctored")
    assert granted(proctored) == {ada.username: 10, eve.username: 5}
    team.allow(proctored, {ada: 20, bob: 7})
    StudentAllowance.objects.get(user=eve, exam=proctored)
    revoked = StudentAllowance.objects.get(user=eve, exam=proctored).pk
    assert team.client.delete(f"{ALLOWANCES}/{revoked}").status_code == 204
    assert granted(team.publish("timed")) == {ada.username: 20, bob.username: 7}
    assert granted(team.publish("", "practice")) == {ada.username: 20, bob.username: 7}
    team.allow(team.publish("practice"), {ada: 30})
    assert granted(team.publish("", "practice")) == {ada.username: 30, bob.username: 7}
    assert granted(team.publish("", "proctored")) == {ada.username: 30, bob.username: 7}


def test_allowances_follow_to_another_provider_and_back(team: Team, provider: ProctoringProvider) -> None:
    ada = UserFactory.create()
    team.allow(team.publish("proctored"), {ada: 10})
    other = team.choose(ProviderFactory.create())
    assert granted(other) == {ada.username: 10}
    team.allow(other, {ada: 0})
    assert granted(team.choose(provider)) == {ada.username: 0}


@pytest.mark.usefixtures("provider")
class TestInTheMiddle:
    """A learner sits the exam while its type changes."""

    @pytest.fixture
    def attempt(self, team: Team, learner: User) -> ExamAttempt:
        """The learner's attempt of an instance that is retired by now."""
        attempt = running_attempt(team.publish("timed"), learner)
        team.publish("proctored")
        return attempt

    def test_the_learner_goes_on(self, attempt: ExamAttempt, as_learner: APIClient) -> None:
        latest = as_learner.get(f"{API}/exams/attempt/latest?content_id={CONTENT_ID.replace('+', '%2B')}").json()
        assert (latest["attempt_id"], latest["attempt_status"]) == (attempt.pk, "started")
        path = f"{API}/student/exam/attempt/course_id/{COURSE_ID}/content_id/{CONTENT_ID}"
        exam = as_learner.get(path).json()["exam"]
        assert (exam["id"], exam["exam_type"]) == (attempt.exam_id, "timed")
        assert exam["attempt"]["attempt_id"] == attempt.pk
        assert as_learner.get(f"{API}/access_tokens/exam_id/{attempt.exam_id}").status_code == 200
        assert act(as_learner, attempt.pk, "stop").status_code == 200
        assert act(as_learner, attempt.pk, "start").status_code == 200
        assert act(as_learner, attempt.pk, "submit").status_code == 200
        exam = as_learner.get(path).json()["exam"]
        assert exam["exam_type"] == "proctored"

    def test_extra_time_for_the_content_reaches_them(self, attempt: ExamAttempt, team: Team, learner: User) -> None:
        team.allow(Exam.objects.get(is_active=True), {learner: 15})
        attempt.refresh_from_db()
        assert attempt.allowed_time_limit_mins == 75

    def test_what_authors_change_reaches_them(self, attempt: ExamAttempt, team: Team) -> None:
        due = timezone.now() + timedelta(days=2)
        team.publish("proctored", exam_name="New", time_limit_mins=80, due_date=due.isoformat(), hide_after_due=True)
        exam = Exam.objects.get(pk=attempt.exam_id)
        assert (exam.exam_name, exam.time_limit_mins, exam.due_date, exam.hide_after_due) == ("New", 80, due, True)
        assert (exam.is_active, exam.exam_type) == (False, "timed")
        attempt.refresh_from_db()
        assert attempt.allowed_time_limit_mins == 80
        assert exam.history.latest("history_id").history_change_reason == "changed by the course's authors"

    def test_what_changes_with_the_type_reaches_them(self, team: Team, learner: User) -> None:
        attempt = running_attempt(team.publish("timed"), learner)
        team.publish("practice", time_limit_mins=70)
        attempt.refresh_from_db()
        assert (attempt.exam.time_limit_mins, attempt.allowed_time_limit_mins) == (70, 70)

    def test_nothing_shortens_their_exam(self, attempt: ExamAttempt, team: Team) -> None:
        team.publish("proctored", time_limit_mins=5)
        team.publish("timed", time_limit_mins=5)
        attempt.refresh_from_db()
        assert attempt.allowed_time_limit_mins == 60

    def test_an_instance_that_comes_back_gives_them_what_is_owed(self, attempt: ExamAttempt, team: Team) -> None:
        assert team.publish("timed", time_limit_mins=90).pk == attempt.exam_id
        attempt.refresh_from_db()
        assert attempt.allowed_time_limit_mins == 90

    def test_retired_instances_that_nobody_sits_stay_as_they_are(self, team: Team) -> None:
        old = team.publish("timed", exam_name="Old")
        team.publish("proctored", exam_name="New")
        old.refresh_from_db()
        assert (old.exam_name, old.is_active) == ("Old", False)


def test_a_change_of_provider_leaves_nobody_behind(
    team: Team, provider: ProctoringProvider, as_learner: APIClient, learner: User
) -> None:
    attempt = running_attempt(team.publish("practice"), learner)
    assert attempt.exam.provider == provider
    new = team.choose(ProviderFactory.create())
    assert new.pk != attempt.exam_id
    latest = as_learner.get(f"{API}/exams/attempt/latest?content_id={CONTENT_ID.replace('+', '%2B')}").json()
    assert latest["attempt_id"] == attempt.pk
    team.allow(new, {learner: 10})
    attempt.refresh_from_db()
    assert attempt.allowed_time_limit_mins == 70
    assert act(as_learner, attempt.pk, "submit").status_code == 200
