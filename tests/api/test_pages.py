# SPDX-License-Identifier: AGPL-3.0-only
"""Pages beside the API: health, pages for people, documentation, a login for test environments."""

import re
from typing import Any, Final

import pytest
from django.test import Client
from pytest_django import Settings

from edx_exams.apps.core.models import User
from tests.api.contract import assert_refused

pytestmark = pytest.mark.django_db

PAGES: Final = ["/", "/browser_lock", "/browser_lock/", "/api-docs", "/api-docs/", "/health/"]
#: An address of another host in a page: what a browser would fetch from there.
ELSEWHERE: Final = re.compile(r"""(?:src|href|action|url)\s*[=(:]\s*["']?(?:https?:)?//[^"'\s>)]*""", re.IGNORECASE)

#: Links, which a browser follows only when somebody clicks.
LINKS: Final = re.compile(r"<a\s[^>]*>")


@pytest.fixture(autouse=True)
def _static_files_without_collecting_them(settings: Settings) -> None:
    settings.WHITENOISE_AUTOREFRESH = True
    settings.WHITENOISE_USE_FINDERS = True


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_there_for_everybody_and_fetches_nothing_from_elsewhere(path: str, client: Client) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert not ELSEWHERE.findall(LINKS.sub("", text))
    assert not re.search(r"\bcdn\b", text, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/api-docs/"])
def test_the_documentations_assets_are_served_by_us(path: str, client: Client) -> None:
    assets = re.findall(r'(?:src|href)="([^"]+\.(?:js|css|png))"', client.get(path).content.decode())
    assert assets
    for asset in assets:
        assert asset.startswith("/static/")
        assert client.get(asset).status_code == 200


def test_the_page_of_a_missing_extension_says_what_to_do(client: Client) -> None:
    text = client.get("/browser_lock/").content.decode()
    assert "extension" in text
    assert "<html lang=" in text


@pytest.mark.parametrize("path", ["/health", "/health/"])
def test_health_is_ok_where_the_database_answers(path: str, client: Client) -> None:
    answer = client.get(path)
    said = answer.json()
    assert (answer.status_code, set(said), said["overall_status"]) == (200, {"overall_status", "detailed_status"}, "OK")
    assert said["detailed_status"]["database_status"] == "OK"


OTHER_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "ODD")


@pytest.mark.parametrize("path", ["/", "/health/", "/auto_auth/"])
def test_a_method_that_a_page_does_not_have_is_405(path: str, settings: Settings) -> None:
    settings.ENABLE_AUTO_AUTH = True
    strict = Client(enforce_csrf_checks=True)
    for method in OTHER_METHODS:
        answer: Any = strict.generic(method, path, b"{}", "application/json")
        assert_refused(answer, 405)
        assert answer.headers["Allow"].startswith("GET")
    assert not User.objects.exists()


@pytest.mark.parametrize("path", ["/api-docs/", "/api-docs/schema"])
def test_the_documentation_is_read_and_nothing_else(path: str, client: Client) -> None:
    for method in OTHER_METHODS:
        assert client.generic(method, path).status_code == 405


@pytest.mark.parametrize("path", ["/swagger", "/swagger/"])
def test_the_earlier_address_of_the_documentation_leads_to_it(path: str, client: Client) -> None:
    assert client.get(path, follow=True).status_code == 200


# auto_auth


@pytest.mark.parametrize("path", ["/auto_auth", "/auto_auth/"])
def test_auto_auth_logs_in_a_fresh_superuser_where_it_is_on(path: str, client: Client, settings: Settings) -> None:
    settings.ENABLE_AUTO_AUTH = True
    settings.SESSION_COOKIE_SECURE = False
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    user = User.objects.get()
    assert user.username.startswith("auto_auth_")
    assert (user.is_superuser, user.is_staff, user.has_usable_password()) == (True, True, False)
    assert client.get("/admin/").status_code == 200
    client.get(path)
    assert User.objects.count() == 2


@pytest.mark.parametrize("path", ["/auto_auth", "/auto_auth/"])
def test_auto_auth_is_404_where_it_is_off(path: str, client: Client, settings: Settings) -> None:
    settings.ENABLE_AUTO_AUTH = False
    assert client.get(path).status_code == 404
    assert not User.objects.exists()


def test_auto_auth_is_off_unless_switched_on(settings: Settings) -> None:
    assert settings.ENABLE_AUTO_AUTH is False


# What is not there


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/exams", "/api/v1/nothing"])
def test_below_api_what_is_not_there_is_404_in_json(path: str, debug: bool, client: Client, settings: Settings) -> None:
    settings.DEBUG = debug
    for method in ("get", "post", "put", "patch", "delete", "options"):
        assert_refused(getattr(client, method)(path), 404)


@pytest.mark.parametrize("path", ["/admin", "/login", "/logout"])
def test_a_page_that_people_type_is_found_without_its_slash(path: str, client: Client) -> None:
    assert client.get(f"{path}?next=/").headers["Location"] == f"{path}/?next=/"


def test_elsewhere_what_is_not_there_is_a_page(client: Client) -> None:
    answer = client.get("/nothing")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/login/", "/admin/"])
def test_who_is_not_logged_in_is_sent_to_the_platform(path: str, client: Client) -> None:
    assert client.get(path).status_code == 302
