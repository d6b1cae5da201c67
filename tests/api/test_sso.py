"""Signing in with the platform: there, and what happens to those who come back with nothing good."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from edx_exams.apps.core.models import User

pytestmark = pytest.mark.django_db

BEGIN: Final = "/login/edx-oauth2/"


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
