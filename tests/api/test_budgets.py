# SPDX-License-Identifier: AGPL-3.0-only
"""Budgets of SQL statements: those of each request, those of authentication and transactions included."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, User
from tests.api.contract import exam_item
from tests.conftest import CountStatements
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ExamFactory,
    OldAttemptFactory,
    ProviderFactory,
    ResultFactory,
    running_attempt,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def exam() -> Exam:
    return ExamFactory.create()


def test_polling_a_running_attempt_costs_at_most_4(
    as_learner: APIClient, learner: User, exam: Exam, at_most: CountStatements
) -> None:
    running_attempt(exam, learner)
    with at_most(4):
        assert as_learner.get("/api/v1/exams/attempt/latest").status_code == 200


def test_polling_with_a_content_id_costs_at_most_4(
    as_learner: APIClient, learner: User, exam: Exam, at_most: CountStatements
) -> None:
    running_attempt(exam, learner)
    with at_most(4):
        assert as_learner.get("/api/v1/exams/attempt/latest", {"content_id": exam.content_id}).json()["attempt_id"]


def test_a_learners_exam_costs_at_most_5(
    as_learner: APIClient, learner: User, exam: Exam, at_most: CountStatements
) -> None:
    running_attempt(exam, learner)
    with at_most(5):
        answer = as_learner.get(f"/api/v1/student/exam/attempt/course_id/{COURSE_ID}/content_id/{exam.content_id}")
    assert answer.json()["exam"]["attempt"]["attempt_status"] == "started"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/exams/attempt/latest",
        f"/api/v1/student/exam/attempt/course_id/{COURSE_ID}/content_id/{{content_id}}",
    ],
)
def test_a_poll_of_a_running_attempt_costs_one_statement(
    path: str, as_learner: APIClient, learner: User, exam: Exam, at_most: CountStatements
) -> None:
    running_attempt(exam, learner)
    url = path.format(content_id=exam.content_id)
    as_learner.get(url)  # who they are is known now
    with at_most(1):
        assert as_learner.get(url).status_code == 200


def test_an_access_token_costs_at_most_4(
    as_learner: APIClient, learner: User, exam: Exam, at_most: CountStatements
) -> None:
    running_attempt(exam, learner)
    with at_most(4):
        assert as_learner.get(f"/api/v1/access_tokens/exam_id/{exam.pk}").status_code == 200


def test_creating_and_starting_costs_at_most_14(as_learner: APIClient, exam: Exam, at_most: CountStatements) -> None:
    with at_most(14):
        answer = as_learner.post("/api/v1/exams/attempt", {"exam_id": exam.pk, "start_clock": True}, format="json")
    assert answer.status_code == 200


def test_submitting_costs_at_most_12(
    as_learner: APIClient, learner: User, exam: Exam, at_most: CountStatements
) -> None:
    attempt = running_attempt(exam, learner)
    with at_most(12):
        answer = as_learner.put(f"/api/v1/exams/attempt/{attempt.pk}", {"action": "submit"}, format="json")
    assert answer.status_code == 200


def test_a_courses_exams_cost_at_most_4(as_course_team: APIClient, exam: Exam, at_most: CountStatements) -> None:
    with at_most(4):
        assert len(as_course_team.get(f"/api/v1/exams/course_id/{COURSE_ID}").json()) == 1


# What does not grow with the number of things


Statements = Callable[[Callable[[], Any]], list[str]]
FEW: Final = 3
MANY: Final = 20


def items(count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many exams, as Studio pushes them."""
    content_id = "block-v1:Acme+BIO101+2026+type@sequential+block@exam{}"
    return [exam_item(content_id=content_id.format(n), **fields) for n in range(count)]


def push(client: APIClient, *exams: dict[str, Any]) -> None:
    answer = client.patch(f"/api/v1/exams/course_id/{COURSE_ID}", list(exams), format="json")
    assert answer.status_code == 200, answer.content


def push_as_new(client: APIClient, count: int) -> Callable[[], None]:
    return lambda: push(client, *items(count))


def push_as_changed(client: APIClient, count: int) -> Callable[[], None]:
    push(client, *items(count))
    return lambda: push(client, *items(count, time_limit_mins=90, exam_name="Other"))


def push_as_replaced(client: APIClient, count: int) -> Callable[[], None]:
    push(client, *items(count))
    for exam in Exam.objects.filter(is_active=True):
        AllowanceFactory.create(exam=exam)
    return lambda: push(client, *items(count, exam_type="practice"))


def push_as_retired(client: APIClient, count: int) -> Callable[[], None]:
    push(client, *items(count))
    return lambda: push(client)


def push_without_a_change(client: APIClient, count: int) -> Callable[[], None]:
    push(client, *items(count))
    return lambda: push(client, *items(count))


def list_exams(client: APIClient, count: int) -> Callable[[], None]:
    push(client, *items(count))

    def run() -> None:
        assert len(client.get(f"/api/v1/exams/course_id/{COURSE_ID}").json()) == count

    return run


def change_the_provider(client: APIClient, count: int) -> Callable[[], None]:
    push(client, *items(count, exam_type="proctored"))
    for exam in Exam.objects.filter(is_active=True):
        AllowanceFactory.create(exam=exam)
    body = {"provider": ProviderFactory.create().name, "escalation_email": None}

    def run() -> None:
        assert client.patch(f"/api/v1/configs/course_id/{COURSE_ID}", body, format="json").status_code == 204

    return run


def list_providers(client: APIClient, count: int) -> Callable[[], None]:
    ProviderFactory.create_batch(count)

    def run() -> None:
        assert len(client.get("/api/v1/providers").json()) >= count

    return run


def list_allowances(client: APIClient, count: int) -> Callable[[], None]:
    for _ in range(count):
        AllowanceFactory.create()

    def run() -> None:
        assert len(client.get(f"/api/v1/exams/course_id/{COURSE_ID}/allowances").json()) >= count

    return run


def grant(client: APIClient, count: int, by: str) -> Callable[[], None]:
    """New allowances, raised ones, and attempts in progress that are longer for it."""
    exam = ExamFactory.create()
    learners = [running_attempt(exam).user if n % 2 else AllowanceFactory.create(exam=exam).user for n in range(count)]
    body = [{by: getattr(learner, by), "exam_id": exam.pk, "extra_time_mins": 20} for learner in learners]

    def run() -> None:
        path = f"/api/v1/exams/course_id/{COURSE_ID}/allowances"
        assert client.post(path, body, format="json").status_code == 200

    return run


def grant_by_username(client: APIClient, count: int) -> Callable[[], None]:
    return grant(client, count, "username")


def grant_by_address(client: APIClient, count: int) -> Callable[[], None]:
    return grant(client, count, "email")


def review(client: APIClient, count: int, **query: Any) -> Callable[[], None]:
    exam = ExamFactory.create()
    for _ in range(count):
        attempt = OldAttemptFactory.create(exam=exam, status="submitted")
        ResultFactory.create(attempt=attempt)
        ResultFactory.create(attempt=attempt, action_type="flag")

    def run() -> None:
        path = f"/api/v1/instructor_view/course_id/{COURSE_ID}/attempts"
        assert client.get(path, {"limit": 1_000_000, **query}).status_code == 200

    return run


def review_a_page(client: APIClient, count: int) -> Callable[[], None]:
    return review(client, count, include="incidents")


def review_by_severity(client: APIClient, count: int) -> Callable[[], None]:
    return review(client, count, ordering="-severity", search="learner")


def review_as_csv(client: APIClient, count: int) -> Callable[[], None]:
    return review(client, count, format="csv")


@pytest.mark.parametrize(
    "prepared",
    [
        push_as_new,
        push_as_changed,
        push_as_replaced,
        push_as_retired,
        push_without_a_change,
        list_exams,
        change_the_provider,
        list_providers,
        list_allowances,
        grant_by_username,
        grant_by_address,
        review_a_page,
        review_by_severity,
        review_as_csv,
    ],
)
def test_many_cost_as_many_statements_as_few(
    prepared: Callable[[APIClient, int], Callable[[], None]], as_course_team: APIClient, statements_of: Statements
) -> None:
    few = statements_of(prepared(as_course_team, FEW))
    Exam.objects.all().delete()
    many = statements_of(prepared(as_course_team, MANY))
    assert len(many) == len(few), "\n".join(many)
