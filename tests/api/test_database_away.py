# SPDX-License-Identifier: AGPL-3.0-only
"""The database goes away in the middle of a request: 503 in JSON, nothing half done, and the next request works."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import CourseStaffRole, User
from tests.api.conftest import Snapshot
from tests.api.contract import CONTENT_ID, OPERATIONS, Operation, assert_refused
from tests.conftest import person
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ConfigurationFactory,
    ExamFactory,
    ProviderFactory,
    UserFactory,
    overdue_attempt,
    running_attempt,
)
from tests.services.tables import changed
from tests.tokens import Person

WRITES = [operation for operation in OPERATIONS if operation.method != "GET"]


@contextmanager
def away_after(statements: int, error: type[DatabaseError | InterfaceError] = OperationalError) -> Iterator[None]:
    """The database answers so many statements, and then no more."""
    answered = 0

    def execute(call: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal answered
        if answered >= statements and not sql.startswith("ROLLBACK"):
            message = "(2006, 'Server has gone away')"
            raise error(message)
        answered += 1
        return call(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


@pytest.fixture
def staff(db: None) -> User:
    return UserFactory.create(is_staff=True)


@pytest.fixture
def ids(staff: User) -> dict[str, Any]:
    """Things of a course; the attempt is the caller's, who is global staff."""
    ConfigurationFactory.create()
    exam = ExamFactory.create(content_id=CONTENT_ID, exam_type="proctored")
    other_exam = ExamFactory.create()
    attempt = running_attempt(exam, staff)
    allowance = AllowanceFactory.create(exam=exam, user=staff)
    return {
        "course_id": COURSE_ID,
        "exam_id": exam.pk,
        "other_exam_id": other_exam.pk,
        "content_id": exam.content_id,
        "attempt_id": attempt.pk,
        "allowance_id": allowance.pk,
        "provider": ProviderFactory.create().name,
        "username": staff.username,
    }


def assert_unavailable(answer: Any) -> None:
    assert_refused(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, DatabaseError])
@pytest.mark.django_db
def test_without_a_database_every_request_is_503(
    error: type[DatabaseError | InterfaceError], staff: User, ids: dict[str, Any]
) -> None:
    client = APIClient(headers=person(staff).authorization())
    with away_after(0, error):
        for operation in OPERATIONS:
            assert_unavailable(operation.ask(client, ids))


@pytest.mark.django_db
def test_a_token_in_cookies_is_no_bad_token_for_that(staff: User, ids: dict[str, Any]) -> None:
    client = APIClient()
    client.cookies.load(person(staff).cookies())
    with away_after(0):
        for operation in OPERATIONS:
            if operation.method == "GET":
                assert_unavailable(operation.ask(client, ids))


@pytest.mark.django_db(transaction=True)
def test_someone_new_is_introduced_whole_or_not_at_all() -> None:
    client = APIClient(headers=Person("newcomer", 5, "new@example.com", "New Comer").authorization())
    seen: set[tuple[Any, ...]] = set()
    for statements in range(100):
        with away_after(statements):
            answer = client.get("/api/v1/providers")
        seen.update(User.objects.values_list("username", "lms_user_id", "email", "full_name"))
        if answer.status_code == 200:
            break
        assert_unavailable(answer)
    assert seen == {("newcomer", 5, "new@example.com", "New Comer")}


@pytest.mark.parametrize("operation", [*WRITES, Operation("PUT", "attempt", {"action": "verify"})], ids=str)
@pytest.mark.django_db(transaction=True)
def test_a_write_is_done_whole_or_not_at_all_at_whichever_statement_the_database_goes(
    operation: Operation, staff: User, ids: dict[str, Any], snapshot: Snapshot, settings: Settings
) -> None:
    settings.RETIREMENT_SERVICE_WORKER_USERNAME = staff.username
    client = APIClient(headers=person(staff).authorization())
    if operation.name == "attempts":  # the clock of another exam is running
        operation = operation._replace(body={"exam_id": "{other_exam_id}", "start_clock": False})
    if operation.name == "attempt" and operation.body == {"action": "submit"}:
        staff.is_staff = False
        staff.save()
        client = APIClient(headers=person(staff).authorization())
        CourseStaffRole.objects.all().delete()
    before = snapshot()
    for statements in range(100):
        with away_after(statements):
            answer = operation.ask(client, ids)
        if answer.status_code < 400:
            assert statements > 3
            assert changed(before, snapshot())
            return
        assert_unavailable(answer)
        assert not changed(before, snapshot()), f"after {statements} statements"
    pytest.fail("It never came through.")


@pytest.mark.django_db(transaction=True)
def test_a_time_out_noticed_by_a_read_is_submitted_whole_or_not_at_all(snapshot: Snapshot) -> None:
    learner = UserFactory.create()
    overdue_attempt(user=learner, exam_type="proctored")
    client = APIClient(headers=person(learner).authorization())
    before = snapshot()
    for statements in range(100):
        with away_after(statements):
            answer = client.get("/api/v1/exams/attempt/latest")
        if answer.status_code == 200:
            assert answer.json()["attempt_status"] == "submitted"
            return
        assert_unavailable(answer)
        assert not changed(before, snapshot())
    pytest.fail("It never came through.")


@pytest.mark.django_db
def test_health_says_so(client: Any) -> None:
    with away_after(0):
        answer = client.get("/health/")
    assert answer.status_code == 503
    assert answer.json() == {
        "overall_status": "UNAVAILABLE",
        "detailed_status": {"database_status": "UNAVAILABLE"},
    }
    assert client.get("/health/").status_code == 200
