# SPDX-License-Identifier: AGPL-3.0-only
"""`users/retire`: the platform's retirement pipeline alone may ask, by a token in the header."""

from typing import Any, Final

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import User
from tests.api.contract import API, assert_refused
from tests.factories import UserFactory
from tests.tokens import Person

PATH: Final = f"{API}/users/retire/"
WORKER: Final = Person("retirement_service_worker")
BODY: Final = {"username": "jane", "retired_username": "retired__1", "retired_email": "retired__1@retired.invalid"}


@pytest.fixture
def jane(db: None) -> User:
    """Somebody whom the platform retires."""
    return UserFactory.create(username="jane", lms_user_id=4711)


def retire(who: Person, body: Any = BODY, **claims: Any) -> Any:
    """Ask as somebody."""
    return APIClient(headers=who.authorization(**claims)).post(PATH, body, format="json")


@pytest.mark.parametrize("extra", [{}, {"lms_user_id": 4711}, {"lms_user_id": None}])
def test_the_pipeline_retires_and_asks_again(jane: User, extra: dict[str, Any]) -> None:
    for _ in range(2):
        answer = retire(WORKER, {**BODY, **extra})
        assert (answer.status_code, answer.content) == (204, b"")
    jane.refresh_from_db()
    assert (jane.username, jane.is_active) == ("retired__1", False)


@pytest.mark.parametrize(
    ("who", "claims"),
    [
        (Person("root", administrator=True), {}),
        (Person("jane", 4711), {}),
        # Whoever registers the name in an LMS that has no pipeline has got their token by signing in.
        (WORKER, {"grant_type": "password"}),
        (WORKER, {"is_restricted": True}),
    ],
)
def test_nobody_else_may(jane: User, who: Person, claims: dict[str, Any]) -> None:
    assert_refused(retire(who, **claims), 403)
    assert User.objects.get(pk=jane.pk).is_active


@pytest.mark.parametrize("claims", [{"grant_type": "client-credentials"}, {"grant_type": ""}])
def test_a_services_token_may(jane: User, claims: dict[str, Any]) -> None:
    assert retire(WORKER, **claims).status_code == 204


def test_cookies_count_for_nothing(jane: User) -> None:
    client = APIClient()
    client.cookies.load(WORKER.cookies(administrator=True))
    assert_refused(client.post(PATH, BODY, format="json"), 401)


def test_the_account_is_a_setting(jane: User, settings: Settings) -> None:
    settings.RETIREMENT_SERVICE_WORKER_USERNAME = "forgetter"
    assert_refused(retire(WORKER), 403)
    assert retire(Person("forgetter")).status_code == 204


def test_somebody_unknown_is_404(db: None) -> None:
    assert_refused(retire(WORKER), 404)
    assert not User.objects.filter(username__in=("jane", "retired__1")).exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**BODY, "retired_email": "no address"},
        {**BODY, "retired_username": "jane"},
        {**BODY, "username": "j" * 151},
        {**BODY, "lms_user_id": "x"},
        {**BODY, "lms_user_id": 0},
        [BODY],
    ],
)
def test_a_malformed_request_is_400_and_changes_nothing(jane: User, body: Any) -> None:
    assert_refused(retire(WORKER, body), 400)
    assert User.objects.get(pk=jane.pk).is_active


def test_who_is_retired_gets_in_no_more(jane: User) -> None:
    client = APIClient(headers=Person("jane", 4711).authorization())
    assert client.get(f"{API}/providers").status_code == 200
    retire(WORKER)
    assert_refused(client.get(f"{API}/providers"), 403)
    assert User.objects.filter(username="jane").count() == 0
