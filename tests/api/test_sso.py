# SPDX-License-Identifier: AGPL-3.0-only
"""Signing in with the platform: there, and what happens to those who come back with nothing good."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from auth_backends.backends import EdXOAuth2
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from social_django.models import UserSocialAuth

from edx_exams.apps.core.models import User
from tests import tokens

pytestmark = pytest.mark.django_db

BEGIN: Final = "/login/edx-oauth2/"
STATE: Final = "edx-oauth2_state"


@pytest.fixture(autouse=True)
def _platform(settings: Settings) -> None:
    settings.SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = "http://lms.internal"
    settings.SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT = "https://lms.example.com"


def test_who_logs_in_is_sent_to_the_platform_and_from_there_to_us(client: Client) -> None:
    answer = client.get("/login/?next=/admin/", follow=False)
    assert (answer.status_code, urlsplit(answer.headers["Location"]).path) == (302, BEGIN)
    answer = client.get(answer.headers["Location"])
    assert answer.status_code == 302
    address = urlsplit(answer.headers["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://lms.example.com/oauth2/authorize"
    query = parse_qs(address.query)
    assert query["client_id"] == ["edx_exams-sso-key"]
    assert urlsplit(query["redirect_uri"][0]).path == "/complete/edx-oauth2/"
    assert urlsplit(query["redirect_uri"][0]).scheme == "https"
    assert {"user_id", "profile", "email"} <= set(query["scope"][0].split())
    assert client.session["next"] == "/admin/"


def test_a_form_may_begin_it_too(client: Client) -> None:
    assert client.post(BEGIN).status_code == 302


@pytest.mark.parametrize("destination", ["image", "iframe", "script", "empty"])
def test_no_other_page_begins_it_on_the_quiet(destination: str, client: Client, learner: User) -> None:
    client.force_login(learner, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(BEGIN, headers={"Sec-Fetch-Dest": destination}).status_code == 403
    assert client.session["_auth_user_id"] == str(learner.pk)
    assert client.get(BEGIN, headers={"Sec-Fetch-Dest": "document"}).status_code == 302


@pytest.mark.parametrize("backend", ["unknown", "%00", "edx-oauth2%20"])
def test_nobody_else_signs_in(backend: str, client: Client) -> None:
    assert client.get(f"/login/{backend}/").status_code == 404


@pytest.mark.parametrize(
    "query", ["", "state=x", "code=1&state=%00", "error=access_denied", "error=x&error_description=y"]
)
@pytest.mark.parametrize("debug", [False, True])
def test_who_comes_back_with_nothing_good_reads_why(
    query: str, debug: bool, client: Client, settings: Settings
) -> None:
    settings.DEBUG = debug
    answer = client.get(f"/complete/edx-oauth2/?{query}", follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert '<p role="alert">' in answer.content.decode()
    assert not User.objects.exists()


# Several people and tabs in one browser


@pytest.fixture
def platform_says(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set whom the platform's token names, in place of its HTTP answer."""
    named = {"username": ""}

    def request_access_token(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        claims = tokens.Person(named["username"], lms_user_id=len(named["username"])).claims(
            given_name="G", family_name="F"
        )
        return {"access_token": tokens.sign(claims), "token_type": "JWT", "expires_in": 3600}

    monkeypatch.setattr(EdXOAuth2, "request_access_token", request_access_token)

    def name(username: str) -> None:
        named["username"] = username

    return name


def begin(client: Client) -> str:
    """Begin a sign-on; its state."""
    return parse_qs(urlsplit(client.get(BEGIN).headers["Location"]).query)["state"][0]


def complete(client: Client, state: str) -> None:
    client.get("/complete/edx-oauth2/", {"state": state, "code": "c"})


def who(client: Client) -> str | None:
    """Name of whoever the browser's session is logged in as."""
    found = client.session.get("_auth_user_id")
    return User.objects.get(pk=found).username if found else None


def log_in_here(client: Client, user: User) -> None:
    """Log in by the admin's form, which keeps the anonymous session's content."""
    user.set_password("pw")
    user.is_staff = True
    user.save()
    client.post("/admin/login/", {"username": user.username, "password": "pw"})


def test_a_sign_on_logs_in_whom_the_platform_names(client: Client, platform_says: Callable[[str], None]) -> None:
    platform_says("somebody")
    complete(client, begin(client))
    assert who(client) == "somebody"
    assert STATE not in client.session


def test_a_log_in_ends_a_sign_on_that_was_under_way(
    client: Client, learner: User, platform_says: Callable[[str], None]
) -> None:
    """Somebody begins one and leaves; whoever logs in next must not have their account tied to them."""
    state = begin(client)
    log_in_here(client, learner)
    assert STATE not in client.session
    platform_says("stranger")
    complete(client, state)
    assert who(client) == learner.username
    assert not UserSocialAuth.objects.exists()


def test_a_sign_on_never_ties_the_platforms_account_to_whoever_is_logged_in(
    client: Client, learner: User, platform_says: Callable[[str], None]
) -> None:
    """Even with a state that fits: the session is then the one whom the platform names."""
    log_in_here(client, learner)
    session = client.session
    session[STATE] = "s"
    session.save()
    platform_says("stranger")
    complete(client, "s")
    assert who(client) == "stranger"
    assert [association.user.username for association in UserSocialAuth.objects.all()] == ["stranger"]


def test_a_state_is_good_once_and_each_beginning_has_its_own(
    client: Client, platform_says: Callable[[str], None]
) -> None:
    first, second = begin(client), begin(client)
    assert first != second
    platform_says("first")
    complete(client, first)
    assert who(client) is None
    complete(client, second)
    assert who(client) == "first"
    client.post("/logout/")
    client.get("/logout/")
    platform_says("again")
    complete(client, second)
    assert who(client) is None


def test_the_sweep_deletes_expired_log_ins(client: Client, learner: User) -> None:
    client.force_login(learner, backend="django.contrib.auth.backends.ModelBackend")
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(days=1))
    call_command("submit_timed_out_attempts", stdout=StringIO())
    assert list(Session.objects.values_list("session_key", flat=True)) == [client.session.session_key]
