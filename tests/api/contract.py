# SPDX-License-Identifier: AGPL-3.0-only
"""The contract's endpoints as data, and what every refusal has in common: for tests that go through all of them."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django.http import HttpResponse
from rest_framework.test import APIClient

from tests.factories import COURSE_ID

API: Final = "/api/v1"

#: Paths by the names of their views, as the OpenAPI document writes them.
PATHS: Final[Mapping[str, str]] = {
    "exams": "/exams/course_id/{course_id}",
    "configuration": "/configs/course_id/{course_id}",
    "providers": "/providers",
    "access-token": "/access_tokens/exam_id/{exam_id}",
    "attempts": "/exams/attempt",
    "attempt": "/exams/attempt/{attempt_id}",
    "latest-attempt": "/exams/attempt/latest",
    "course-attempts": "/instructor_view/course_id/{course_id}/attempts",
    "learners-exam": "/student/exam/attempt/course_id/{course_id}/content_id/{content_id}",
    "provider-settings": "/exam/provider_settings/course_id/{course_id}/exam_id/{exam_id}",
    "allowances": "/exams/course_id/{course_id}/allowances",
    "allowance": "/exams/course_id/{course_id}/allowances/{allowance_id}",
    "onboarding": "/student/course_id/{course_id}/onboarding",
    "retirement": "/users/retire",
}

#: The methods that each path has; HEAD comes with GET.
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "exams": ("GET", "PATCH"),
    "configuration": ("GET", "PATCH"),
    "providers": ("GET",),
    "access-token": ("GET",),
    "attempts": ("POST",),
    "attempt": ("PUT", "DELETE"),
    "latest-attempt": ("GET",),
    "course-attempts": ("GET",),
    "learners-exam": ("GET",),
    "provider-settings": ("GET",),
    "allowances": ("GET", "POST"),
    "allowance": ("DELETE",),
    "onboarding": ("GET",),
    "retirement": ("POST",),
}

CONTENT_ID: Final = "block-v1:Acme+BIO101+2026+type@sequential+block@midterm"


def exam_item(**changes: Any) -> dict[str, Any]:
    """An exam as Studio pushes it."""
    return {
        "exam_name": "Midterm",
        "course_id": COURSE_ID,
        "content_id": CONTENT_ID,
        "time_limit_mins": 60,
        "due_date": "2099-12-01T23:59:00Z",
        "exam_type": "timed",
        "hide_after_due": False,
        "is_active": True,
        "backend": "null",
        **changes,
    }


class Operation(NamedTuple):
    """A method of a path. `body` and the path may name things of the course by their keys in braces."""

    method: str
    name: str
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.name}"

    def path(self, ids: Mapping[str, Any]) -> str:
        """The path with the ids of things that exist."""
        return API + PATHS[self.name].format(**ids)

    def ask(self, client: APIClient, ids: Mapping[str, Any]) -> Any:
        """Make the request, with the ids of things that exist."""
        return send(client, self.method, self.path(ids), json.dumps(_filled(self.body, ids)))


def send(
    client: APIClient, method: str, path: str, body: str | bytes = b"", content_type: str = "application/json"
) -> Any:
    """Make a request whose body is these bytes, whatever they are."""
    data: Any = body.encode() if isinstance(body, str) else body
    return client.generic(method, path, data, content_type, CONTENT_TYPE=content_type)


def _filled(value: Any, ids: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(nested, ids) for name, nested in value.items()}
    if isinstance(value, list):
        return [_filled(nested, ids) for nested in value]
    if isinstance(value, str) and value.startswith("{"):
        return ids[value.strip("{}")]
    return value


#: One good request for everything that can be asked.
OPERATIONS: Final = (
    Operation("GET", "exams"),
    Operation("PATCH", "exams", [exam_item()]),
    Operation("GET", "configuration"),
    Operation("PATCH", "configuration", {"provider": "{provider}", "escalation_email": "help@example.com"}),
    Operation("GET", "providers"),
    Operation("GET", "access-token"),
    Operation("POST", "attempts", {"exam_id": "{other_exam_id}", "start_clock": "false"}),
    Operation("PUT", "attempt", {"action": "submit"}),
    Operation("DELETE", "attempt"),
    Operation("GET", "latest-attempt"),
    Operation("GET", "course-attempts"),
    Operation("GET", "learners-exam"),
    Operation("GET", "provider-settings"),
    Operation("GET", "allowances"),
    Operation("POST", "allowances", [{"username": "{username}", "exam_id": "{exam_id}", "extra_time_mins": 20}]),
    Operation("DELETE", "allowance"),
    Operation("GET", "onboarding"),
    Operation(
        "POST",
        "retirement",
        {"username": "{username}", "retired_username": "retired__1", "retired_email": "retired__1@retired.invalid"},
    ),
)


def assert_refused(answer: HttpResponse, status: int, *, errors: bool | None = None) -> dict[str, Any]:
    """
    Assert the shape of every refusal: the status, and JSON that says why.

    :param errors: whether the fields that are wrong must be named beside
    :returns: the JSON
    """
    assert answer.status_code == status, answer.content[:1000]
    assert answer.headers["Content-Type"] == "application/json"
    said: dict[str, Any] = answer.json()  # type: ignore[attr-defined]  # the test client's
    assert isinstance(said["detail"], str)
    assert said["detail"]
    assert set(said) <= {"detail", "errors"}
    if errors is not None:
        assert ("errors" in said) == errors, said
    return said
