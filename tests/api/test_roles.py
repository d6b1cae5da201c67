# SPDX-License-Identifier: AGPL-3.0-only
"""The permissions of every role, every endpoint, every method."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.models import User
from tests.api.conftest import Unchanged
from tests.api.contract import API, METHODS, OPERATIONS, PATHS, Operation, assert_refused, send
from tests.conftest import ClientFor, person
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    CourseStaffRoleFactory,
    ExamFactory,
    ProviderFactory,
    UserFactory,
    running_attempt,
)

pytestmark = pytest.mark.django_db

NOBODY: Final = "nobody"
LEARNER: Final = "the learner"
OTHER_LEARNER: Final = "another learner"
OTHER_STAFF: Final = "staff of another course"
COURSE_STAFF: Final = "course staff"
GLOBAL_STAFF: Final = "global staff"
WITHOUT_ID: Final = "someone whom the LMS names by no id"

ROLES: Final = (NOBODY, LEARNER, OTHER_LEARNER, OTHER_STAFF, COURSE_STAFF, GLOBAL_STAFF, WITHOUT_ID)

VERIFY: Final = Operation("PUT", "attempt", {"action": "verify"})

#: What each role gets, in the order of ROLES. The attempt is the learner's, its clock runs, its exam counts.
ALL_BUT_NOBODY: Final = (401, 200, 200, 200, 200, 200, 200)
STAFF_ONLY: Final = (401, 403, 403, 403, 200, 200, 403)
STAFF_ONLY_204: Final = (401, 403, 403, 403, 204, 204, 403)
EXPECTED: Final[Mapping[str, tuple[int, ...]]] = {
    "GET exams": STAFF_ONLY,
    "PATCH exams": STAFF_ONLY,
    "GET configuration": ALL_BUT_NOBODY,
    "PATCH configuration": STAFF_ONLY_204,
    "GET providers": ALL_BUT_NOBODY,
    "GET access-token": (401, 200, 403, 403, 200, 200, 403),
    "POST attempts": ALL_BUT_NOBODY,
    "PUT attempt submit": (401, 200, 403, 403, 400, 400, 403),
    "PUT attempt verify": (401, 400, 403, 403, 200, 200, 403),
    "DELETE attempt": STAFF_ONLY_204,
    "GET latest-attempt": ALL_BUT_NOBODY,
    "GET course-attempts": STAFF_ONLY,
    "GET learners-exam": ALL_BUT_NOBODY,
    "GET provider-settings": ALL_BUT_NOBODY,
    "GET allowances": STAFF_ONLY,
    "POST allowances": STAFF_ONLY,
    "DELETE allowance": STAFF_ONLY_204,
    "GET onboarding": (401, 404, 404, 404, 404, 404, 404),
    # The platform's pipeline alone may: test_retirement.py.
    "POST retirement": (401, 403, 403, 403, 403, 403, 403),
}


def named(operation: Operation) -> str:
    """An operation as the table calls it."""
    return f"{operation} {operation.body['action']}" if operation.method == "PUT" else str(operation)


@pytest.fixture
def people(learner: User, course_team: User, global_staff: User) -> dict[str, User]:
    return {
        LEARNER: learner,
        OTHER_LEARNER: UserFactory.create(),
        OTHER_STAFF: CourseStaffRoleFactory.create(course_id=f"{COURSE_ID}x").user,
        COURSE_STAFF: course_team,
        GLOBAL_STAFF: global_staff,
        WITHOUT_ID: UserFactory.create(lms_user_id=None),
    }


@pytest.fixture
def clients(people: dict[str, User], client_for: ClientFor) -> dict[str, APIClient]:
    """A client for each role."""
    return {NOBODY: APIClient(), **{role: client_for(user) for role, user in people.items()}}


@pytest.fixture
def ids(learner: User) -> dict[str, Any]:
    """Things of a course, by what paths and bodies call them."""
    exam, other_exam = ExamFactory.create_batch(2)
    return {
        "course_id": COURSE_ID,
        "exam_id": exam.pk,
        "other_exam_id": other_exam.pk,
        "content_id": exam.content_id,
        "attempt_id": running_attempt(exam, learner).pk,
        "allowance_id": AllowanceFactory.create(exam=other_exam).pk,
        "provider": ProviderFactory.create().name,
        "username": learner.username,
    }


def test_the_table_speaks_of_every_operation() -> None:
    assert set(EXPECTED) == {named(operation) for operation in (*OPERATIONS, VERIFY)}
    assert {(operation.name, operation.method) for operation in OPERATIONS} == {
        (name, method) for name, methods in METHODS.items() for method in methods
    }


@pytest.mark.parametrize(
    ("operation", "role"),
    [
        (operation, role)
        for operation in (*OPERATIONS, VERIFY)
        for role, expected in zip(ROLES, EXPECTED[named(operation)], strict=True)
        if expected < 400
    ],
    ids=str,
)
def test_who_may_gets_what_the_table_says(
    operation: Operation, role: str, clients: dict[str, APIClient], ids: dict[str, Any]
) -> None:
    assert operation.ask(clients[role], ids).status_code == EXPECTED[named(operation)][ROLES.index(role)]


@pytest.mark.parametrize("operation", [*OPERATIONS, VERIFY], ids=named)
def test_the_others_are_refused_as_the_table_says_and_change_nothing(
    operation: Operation, clients: dict[str, APIClient], ids: dict[str, Any], unchanged: Unchanged
) -> None:
    with unchanged():
        for role, expected in zip(ROLES, EXPECTED[named(operation)], strict=True):
            if expected >= 400:
                assert_refused(operation.ask(clients[role], ids), expected)


@pytest.mark.parametrize("role", [LEARNER, COURSE_STAFF, GLOBAL_STAFF])
def test_a_restricted_token_is_refused_everywhere(
    role: str, people: dict[str, User], ids: dict[str, Any], unchanged: Unchanged
) -> None:
    client = APIClient(headers=person(people[role]).authorization(is_restricted=True))
    with unchanged():
        for operation in OPERATIONS:
            assert_refused(operation.ask(client, ids), 403)


@pytest.mark.parametrize("name", PATHS)
def test_a_method_that_a_path_does_not_have_is_405_whoever_asks(
    name: str, clients: dict[str, APIClient], ids: dict[str, Any], unchanged: Unchanged
) -> None:
    missing = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - set(METHODS[name])
    with unchanged():
        for client in clients.values():
            for method in sorted(missing):
                assert_refused(send(client, method, API + PATHS[name].format(**ids), "{}"), 405)


@pytest.mark.parametrize("name", [name for name, methods in METHODS.items() if "GET" in methods])
def test_head_is_answered_as_get_without_its_body(
    name: str, clients: dict[str, APIClient], ids: dict[str, Any]
) -> None:
    path = API + PATHS[name].format(**ids)
    head, get = clients[COURSE_STAFF].head(path), clients[COURSE_STAFF].get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")


def test_course_staff_of_any_role_are_staff(client_for: ClientFor) -> None:
    for role in ("instructor", "limited_staff", "", None):
        user = CourseStaffRoleFactory.create(role=role).user
        assert client_for(user).get(f"{API}/exams/course_id/{COURSE_ID}").status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    [COURSE_ID.lower(), COURSE_ID.upper().replace("COURSE-V1", "course-v1"), f"{COURSE_ID}_2", COURSE_ID[:-1]],
)
def test_staff_of_a_course_are_none_of_one_that_is_called_almost_so(
    elsewhere: str, as_course_team: APIClient, unchanged: Unchanged
) -> None:
    with unchanged():
        assert_refused(as_course_team.get(f"{API}/exams/course_id/{elsewhere}"), 403)
        assert_refused(as_course_team.patch(f"{API}/exams/course_id/{elsewhere}", [], format="json"), 403)


def test_an_attempt_of_someone_else_is_refused_in_the_words_for_one_that_does_not_exist(
    ids: dict[str, Any], clients: dict[str, APIClient]
) -> None:
    nowhere = ids["attempt_id"] + 1
    for method in ("put", "delete"):
        ask = getattr(clients[OTHER_LEARNER], method)
        theirs = ask(f"{API}/exams/attempt/{ids['attempt_id']}", {"action": "submit"}, format="json").json()
        none = ask(f"{API}/exams/attempt/{nowhere}", {"action": "submit"}, format="json").json()
        assert theirs["detail"].replace(str(ids["attempt_id"]), str(nowhere)) == none["detail"]
