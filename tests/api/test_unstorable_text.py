# SPDX-License-Identifier: AGPL-3.0-only
"""Emoji, rare characters and halves of surrogate pairs at every door: refused in words, or kept."""

import json
from typing import Any, Final
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db import DataError, connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.unstorable_text import storable
from tests.api.contract import API, OPERATIONS, PATHS, Operation, exam_item
from tests.conftest import ClientFor, person
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ConfigurationFactory,
    CourseStaffRoleFactory,
    ExamFactory,
    ProviderFactory,
    UserFactory,
    make_attempt,
)
from tests.tokens import Person

pytestmark = pytest.mark.django_db

TEXTS: Final = {"emoji": "\U0001f600", "rare character": "\U00020bb7", "half a surrogate pair": "\ud83d"}
#: Query parameters that are texts, wherever they are read.
PARAMETERS: Final = ("content_id", "search", "status", "ordering", "org", "exam_id", "format", "include")


@pytest.fixture(params=list(TEXTS.values()), ids=list(TEXTS))
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ids() -> dict[str, Any]:
    """A course in which there is one of everything."""
    ConfigurationFactory.create()
    exam, other = ExamFactory.create(), ExamFactory.create()
    attempt = make_attempt(exam)
    return {
        "course_id": COURSE_ID,
        "content_id": exam.content_id,
        "exam_id": exam.pk,
        "other_exam_id": other.pk,
        "attempt_id": attempt.pk,
        "allowance_id": AllowanceFactory.create(exam=exam).pk,
        "provider": ProviderFactory.create().name,
        "username": attempt.user.username,
    }


def _with(value: Any, text: str) -> list[Any]:
    """The value with each text in it in turn replaced by one that ends with these characters."""
    if isinstance(value, str):
        return [f"{value.strip('{}')}{text}"]  # no name of a thing of the course any more
    if isinstance(value, list):
        return [[*value[:n], other, *value[n + 1 :]] for n, item in enumerate(value) for other in _with(item, text)]
    if isinstance(value, dict):
        return [{**value, name: other} for name, item in value.items() for other in _with(item, text)]
    return []


def _is_fine(answer: Any) -> None:
    assert answer.status_code < 500, answer.content[:500]
    if answer.status_code >= 400:
        assert answer.json()["detail"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_no_text_of_a_request_is_an_error_of_ours(
    operation: Operation, text: str, ids: dict[str, Any], as_course_team: APIClient
) -> None:
    for body in _with(operation.body, text):
        _is_fine(Operation(operation.method, operation.name, body).ask(as_course_team, ids))
    for name in ("course_id", "content_id"):
        if name in PATHS[operation.name]:
            path = operation.path({**ids, name: quote(f"{ids[name]}{text}", errors="surrogatepass")})
            _is_fine(as_course_team.generic(operation.method, path, json.dumps(operation.body), "application/json"))
    if operation.method == "GET":
        query = "&".join(f"{name}={quote(text, errors='surrogatepass')}" for name in PARAMETERS)
        for parameters in (query, *query.split("&")):
            _is_fine(as_course_team.get(f"{operation.path(ids)}?{parameters}"))


@pytest.mark.parametrize("claim", ["name", "full_name", "email", "preferred_username"])
def test_no_claim_is_an_error_of_ours(claim: str, text: str) -> None:
    ada = Person("ada", 77)
    for algorithm in ("HS256", "RS512"):
        client = APIClient(headers=ada.authorization(algorithm, **{claim: f"ada{text}"}))
        answer = client.get(f"{API}/providers")
        assert answer.status_code == (401 if claim == "preferred_username" and text == "\ud83d" else 200)


def test_a_learner_of_such_a_name_takes_an_exam(text: str, client_for: ClientFor) -> None:
    exam = ExamFactory.create()
    name = "ada" if text == "\ud83d" else f"ada{text}"
    headers = Person(name, 77, f"ada{text}@example.com", f"Ada {text}").authorization("RS512")
    client = APIClient(headers=headers)
    answer = client.post(f"{API}/exams/attempt", {"exam_id": exam.pk, "start_clock": "true"}, format="json")
    attempt_id = answer.json()["exam_attempt_id"]
    path = f"{API}/exams/attempt/{attempt_id}"
    assert client.get(f"{API}/exams/attempt/latest").json()["attempt_id"] == attempt_id
    assert client.put(path, {"action": "stop"}, format="json").status_code == 200
    assert client.put(path, {"action": "submit"}, format="json").status_code == 200
    team = client_for(CourseStaffRoleFactory.create().user)
    assert name in team.get(f"{API}/instructor_view/course_id/{COURSE_ID}/attempts").content.decode()


def test_a_reason_is_kept_without_what_cannot_be_stored(text: str, learner: User, client_for: ClientFor) -> None:
    attempt = make_attempt(user=learner)
    answer = client_for(learner).put(
        f"{API}/exams/attempt/{attempt.pk}",
        json.dumps({"action": "error", "detail": f"It broke {text}"}),
        content_type="application/json",
    )
    _is_fine(answer)
    if answer.status_code == 200:
        reason = ExamAttempt.history.filter(id=attempt.pk).latest("history_id").history_change_reason
        assert reason is not None
        assert reason.startswith("It broke")


def test_an_exams_name_is_kept_or_refused_in_words(text: str, as_course_team: APIClient) -> None:
    items = json.dumps([exam_item(exam_name=f"Midterm {text}")])
    answer = as_course_team.patch(f"{API}/exams/course_id/{COURSE_ID}", items, content_type="application/json")
    if answer.status_code == 200:
        assert Exam.objects.get().exam_name == f"Midterm {text}"
    else:
        assert answer.status_code == 400
        assert not Exam.objects.exists()


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    user = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("text", ["\U0001f600", "\U00020bb7"])
@pytest.mark.exhaustive
def test_no_text_in_the_admin_is_an_error_of_ours(text: str, operator: Client, learner: User) -> None:
    for model in admin.site._registry:
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert operator.get(page, {"q": text}).status_code < 500, page
    page = reverse("admin:core_user_change", args=[learner.pk])
    form = {
        "username": learner.username,
        "full_name": f"Ada {text}",
        "email": learner.email,
        "lms_user_id": learner.lms_user_id,
        "is_active": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00",
    }
    answer = operator.post(page, form)
    assert answer.status_code in (302, 400)
    learner.refresh_from_db()
    assert (learner.full_name == f"Ada {text}") == (answer.status_code == 302)
    assert answer.status_code == 302 or "emoji" in answer.content.decode()


def test_the_driver_itself_is_asked_once_for_all(learner: User) -> None:
    for wrong in ("\ud83d", "\udfff"):
        with pytest.raises(DataError, match="emoji") as refusal:
            User.objects.filter(email=wrong).exists()
        assert wrong not in str(refusal.value)
        assert refusal.value.__cause__ is None
    assert person(learner).username


def test_what_a_column_holds_is_kept() -> None:
    assert storable("a\ud83db", User, "username") == "ab"
    assert storable("\U0001f600", User, "username") == "\U0001f600"
    holds_all = connection.vendor != "mysql" or storable("\U0001f600", User, "full_name")
    assert storable("a\U0001f600", User, "full_name") == ("a\U0001f600" if holds_all else "a")
