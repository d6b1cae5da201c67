# SPDX-License-Identifier: AGPL-3.0-only
"""The platform's own keys, its admin, and the headers of its pages."""

from io import StringIO
from typing import Any

import jwt
import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.lti import addresses, platform_keys
from edx_exams.apps.lti.models import LtiPlatformKey, LtiTool, UsedToken
from tests.conftest import CountStatements
from tests.factories import UserFactory
from tests.lti.vendor import AUTHORIZE, START_ASSESSMENT, Browser, FormClient, Vendor, authentication_request, register

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    """An administrator's browser."""
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


# Keys at rest


def test_private_keys_are_encrypted_and_stay_readable_after_a_rotation(vendor: Vendor, settings: Settings) -> None:
    before = LtiPlatformKey.objects.get().encrypted_private_key
    assert "PRIVATE KEY" not in before
    first, second = (Fernet.generate_key().decode() for _ in range(2))
    for keys in ([first], [second, first]):  # away from SECRET_KEY, then from key to key
        settings.LTI_KEY_ENCRYPTION_KEYS = keys
        out = StringIO()
        call_command("rotate_lti_encryption", stdout=out)
        assert out.getvalue() == "1 platform keys: 1 encrypted anew, 0 could not be opened\n"
    settings.LTI_KEY_ENCRYPTION_KEYS = [second]
    settings.SECRET_KEY = "another"
    platform_keys._opened.cache_clear()
    assert platform_keys.sign(vendor.tool, {})
    assert LtiPlatformKey.objects.get().encrypted_private_key != before


def test_private_keys_follow_a_new_secret_key_while_the_former_one_is_a_fallback(
    vendor: Vendor, settings: Settings
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    platform_keys._opened.cache_clear()
    assert platform_keys.sign(vendor.tool, {})
    call_command("rotate_lti_encryption", stdout=StringIO())
    settings.SECRET_KEY_FALLBACKS = []
    platform_keys._opened.cache_clear()
    assert platform_keys.sign(vendor.tool, {})


def test_a_key_that_nothing_opens_is_reported_by_command_and_check(vendor: Vendor, settings: Settings) -> None:
    assert run_checks(databases=["default"], tags=["database"]) == []
    settings.SECRET_KEY = "another"
    (error,) = run_checks(databases=["default"], tags=["database"])
    assert error.id == "edx_exams.lti.E002"
    assert vendor.tool.platform_keys.get().kid in error.msg
    with pytest.raises(CommandError, match="No encryption key opens"):
        call_command("rotate_lti_encryption", stdout=StringIO())


def test_a_launch_with_a_key_that_nothing_opens_says_so_and_keeps_the_launch(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt, settings: Settings
) -> None:
    told = browser.start(attempt)
    settings.LTI_KEY_ENCRYPTION_KEYS = lost = [Fernet.generate_key().decode()]
    call_command("rotate_lti_encryption", stdout=StringIO())
    settings.LTI_KEY_ENCRYPTION_KEYS = []
    platform_keys._opened.cache_clear()
    assert browser.authorize(told, vendor).status_code == 503
    assert vendor.ask_for_token().status_code == 503
    settings.LTI_KEY_ENCRYPTION_KEYS = lost
    assert browser.bring(told, vendor)


def test_what_is_no_encryption_key_is_an_error_at_start(settings: Settings) -> None:
    settings.LTI_KEY_ENCRYPTION_KEYS = ["short"]
    (error,) = run_checks(tags=["edx_exams"])
    assert error.id == "edx_exams.lti.E001"


def test_a_tool_that_was_not_registered_in_the_admin_gets_its_key_when_one_is_needed() -> None:
    tool = LtiTool.objects.create(oidc_login_url="https://v.example.com/login", launch_url="https://v.example.com/")
    (published,) = platform_keys.key_set(tool)["keys"]
    assert jwt.get_unverified_header(platform_keys.sign(tool, {}))["kid"] == published["kid"]
    assert platform_keys.key_set(tool)["keys"] == [published]


def test_the_key_that_signs_is_not_retired(vendor: Vendor) -> None:
    first = vendor.tool.platform_keys.get()
    assert not platform_keys.retire_key(first)
    second = platform_keys.rotate_key(vendor.tool)
    assert [key["kid"] for key in platform_keys.key_set(vendor.tool)["keys"]] == [first.kid, second.kid]
    assert platform_keys.retire_key(first)
    assert [key["kid"] for key in platform_keys.key_set(vendor.tool)["keys"]] == [second.kid]


def test_the_key_set_tells_public_halves_only(vendor: Vendor, client: Client) -> None:
    answer = client.get(f"/lti/lti_consumer/v1/public_keysets/{vendor.tool.config_id}")
    (key,) = answer.json()["keys"]
    assert key.keys() == {"kty", "kid", "use", "alg", "n", "e"}
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")


# Addresses


@pytest.mark.parametrize(
    ("api_base", "base", "issuer", "launch"),
    [
        (
            "https://exams.example.com/",
            "x",
            "https://exams.example.com/",
            "https://exams.example.com/lti/lti_consumer/v1/launch/",
        ),
        (
            None,
            "https://lti.example.com",
            "https://lti.example.com",
            "https://lti.example.com/lti/lti_consumer/v1/launch/",
        ),
        (None, None, "http://localhost:18000", "http://localhost:18000/lti/lti_consumer/v1/launch/"),
    ],
)
def test_the_issuer_is_the_address_as_configured(
    settings: Settings, api_base: str | None, base: str | None, issuer: str, launch: str
) -> None:
    settings.LTI_API_BASE, settings.LTI_BASE = api_base, base
    assert (addresses.issuer(), addresses.address("launch")) == (issuer, launch)


# Admin


def test_the_data_sheet_tells_all_that_a_vendor_needs(admin: Client, vendor: Vendor) -> None:
    page = admin.get(f"/admin/lti/ltitool/{vendor.tool.pk}/change/").content.decode()
    config_id, base = vendor.tool.config_id, "http://testserver"
    for line in (
        vendor.tool.client_id,
        f"{base}/lti/lti_consumer/v1/launch/",
        f"{base}/lti/lti_consumer/v1/token/{config_id}",
        f"{base}/lti/lti_consumer/v1/public_keysets/{config_id}",
        vendor.tool.platform_keys.get().kid,
    ):
        assert line in page
    assert vendor.tool.platform_keys.get().encrypted_private_key not in page
    assert "PRIVATE" not in page


def tool_form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "New",
        "oidc_login_url": "https://v.example.com/login",
        "launch_url": "https://v.example.com/launch",
        "redirect_uris": "[]",
        "keyset_url": "https://v.example.com/jwks",
        "public_key": "",
        "is_enabled": "on",
        "client_id": "abc",
        "deployment_id": "1",
        **changes,
    }


def test_a_tool_added_in_the_admin_can_be_launched_at_once(admin: Client) -> None:
    assert admin.get("/admin/lti/ltitool/add/").status_code == 200
    assert admin.post("/admin/lti/ltitool/add/", tool_form()).status_code == 302
    assert platform_keys.sign(LtiTool.objects.get(client_id="abc"), {})


@pytest.mark.parametrize(
    "changes",
    [
        {"public_key": "text"},
        {"redirect_uris": '"https://v.example.com"'},
        {"redirect_uris": "[1]"},
        {"launch_url": "javascript:alert(1)"},
        {"keyset_url": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_the_admin_refuses_what_could_not_work(admin: Client, changes: dict[str, str]) -> None:
    assert admin.post("/admin/lti/ltitool/add/", tool_form(**changes)).status_code == 200
    assert not LtiTool.objects.exists()


def test_another_key_set_url_makes_us_forget_the_old_keys(admin: Client, vendor: Vendor) -> None:
    LtiTool.objects.update(
        keyset={"keys": []}, keyset_fetched_at="2026-01-01T00:00Z", keyset_tried_at="2026-01-01T00:00Z"
    )
    admin.post(f"/admin/lti/ltitool/{vendor.tool.pk}/change/", tool_form(client_id=vendor.tool.client_id))
    tool = LtiTool.objects.get()
    assert (tool.keyset_url, tool.keyset, tool.keyset_tried_at) == ("https://v.example.com/jwks", None, None)


def act(admin: Client, model: str, action: str, *ids: int) -> str:
    data = {"action": action, "_selected_action": ids}
    return admin.post(f"/admin/lti/{model}/", data, follow=True).content.decode()


def test_actions_check_rotate_and_retire(admin: Client, vendor: Vendor) -> None:
    assert "no problems found" in act(admin, "ltitool", "check_tool", vendor.tool.pk)
    bare = register("bare", public_key="").tool
    assert "neither a key set URL nor a public key" in act(admin, "ltitool", "check_tool", bare.pk)
    first = vendor.tool.platform_keys.get()
    act(admin, "ltitool", "rotate_key", vendor.tool.pk)
    second = platform_keys.signing_key(vendor.tool)
    assert "replace it first" in act(admin, "ltiplatformkey", "retire", first.pk, second.pk)
    assert [key["kid"] for key in platform_keys.key_set(vendor.tool)["keys"]] == [second.kid]


def test_what_is_done_to_keys_stands_in_the_admins_log(admin: Client, vendor: Vendor) -> None:
    first = vendor.tool.platform_keys.get()
    act(admin, "ltitool", "check_tool", vendor.tool.pk)
    act(admin, "ltitool", "rotate_key", vendor.tool.pk)
    act(admin, "ltiplatformkey", "retire", first.pk)
    logged = [entry.change_message.split()[0] for entry in LogEntry.objects.order_by("pk")]
    assert logged == ["Checked", "Made", "Retired"]


def test_who_may_only_look_does_not_check(client: Client, vendor: Vendor) -> None:
    viewer = UserFactory.create(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_ltitool"))
    client.force_login(viewer)
    LtiTool.objects.update(keyset_url="https://keys.example.com/jwks")
    act(client, "ltitool", "check_tool", vendor.tool.pk)
    assert not LogEntry.objects.exists()
    assert LtiTool.objects.get().keyset_tried_at is None


@pytest.mark.parametrize("field", ["oidc_login_url", "launch_url"])
def test_people_are_sent_to_https_alone(field: str, admin: Client, vendor: Vendor, settings: Settings) -> None:
    page = admin.post("/admin/lti/ltitool/add/", tool_form(**{field: "http://v.example.com/x"}))
    assert (page.status_code, LtiTool.objects.count()) == (200, 1)
    assert "must begin with https" in page.content.decode()
    settings.LTI_TOOL_URL_ALLOWED_HOSTS = ["v.example.com"]
    assert admin.post("/admin/lti/ltitool/add/", tool_form(**{field: "http://v.example.com/x"})).status_code == 302


def test_who_may_only_look_neither_rotates_nor_retires(client: Client, vendor: Vendor) -> None:
    viewer = UserFactory.create(is_staff=True)
    viewer.user_permissions.add(*Permission.objects.filter(codename__in=("view_ltitool", "view_ltiplatformkey")))
    client.force_login(viewer)
    platform_keys.rotate_key(vendor.tool)
    before = platform_keys.key_set(vendor.tool)
    act(client, "ltitool", "rotate_key", vendor.tool.pk)
    act(client, "ltiplatformkey", "retire", *vendor.tool.platform_keys.values_list("pk", flat=True))
    assert platform_keys.key_set(vendor.tool) == before


@pytest.mark.parametrize("rows", [1, 10])
def test_lists_can_be_searched_and_cost_the_same_at_any_size(
    admin: Client, browser: Browser, attempt: ExamAttempt, rows: int, at_most: CountStatements
) -> None:
    for number in range(rows):
        browser.start(attempt)
        tool = LtiTool.objects.create(client_id=str(number), oidc_login_url="https://x", launch_url="https://x")
        LtiPlatformKey.objects.create(tool=tool, kid="k", encrypted_private_key="x", public_jwk={})
        UsedToken.objects.create(tool=tool, kind="jti", value_hash=str(number), expires_at=timezone.now())
    for model in ("ltitool", "ltiplatformkey", "ltilaunch", "proctoredattempt", "usedtoken"):
        with at_most(12):
            assert admin.get(f"/admin/lti/{model}/", {"q": "x"}).status_code == 200
        with at_most(12):
            assert admin.get(f"/admin/lti/{model}/").status_code == 200


# Headers


def assert_frameable(response: Any) -> None:
    assert response["Referrer-Policy"] == "strict-origin-when-cross-origin"
    for name in (
        "X-Frame-Options",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Embedder-Policy",
        "Cross-Origin-Resource-Policy",
    ):
        assert name not in response, name
    policy = response.get("Content-Security-Policy", "")
    assert "form-action" not in policy
    assert "frame-ancestors" not in policy


def test_every_page_of_a_launch_may_be_framed(vendor: Vendor, browser: Browser, attempt: ExamAttempt) -> None:
    browser.handler.enforce_csrf_checks = True
    elsewhere = {"Origin": "https://vendor.example.com", "Referer": "https://vendor.example.com/frame"}
    departed = browser.follow(f"/lti/start_proctoring/{attempt.pk}")
    told = browser.start(attempt)
    unknown = browser.post(AUTHORIZE, authentication_request(told, vendor, client_id="x"), headers=elsewhere)
    refused = browser.post(AUTHORIZE, authentication_request(told, vendor, nonce=""), headers=elsewhere)
    without = FormClient().post(AUTHORIZE, authentication_request(told, vendor), headers=elsewhere)
    issued = browser.post(AUTHORIZE, authentication_request(told, vendor), headers=elsewhere)
    from tests.lti.vendor import form_of  # noqa: PLC0415

    launch = vendor.read_launch(form_of(issued), platform_keys.key_set(vendor.tool))
    bad = browser.post(START_ASSESSMENT, {"JWT": "x"}, headers=elsewhere)
    good = browser.post(START_ASSESSMENT, {"JWT": vendor.start_assessment(launch)}, headers=elsewhere)
    assert (issued.status_code, good.status_code, bad.status_code) == (200, 200, 400)
    nobody = Client().get(f"/lti/start_proctoring/{attempt.pk}")
    ended = browser.follow(f"/lti/end_assessment/{attempt.pk}")
    for response in (departed, unknown, refused, without, issued, bad, good, nobody, ended):
        assert_frameable(response)
    for response in (unknown, refused, without, issued, bad, good):
        assert "script-src 'nonce-" in response["Content-Security-Policy"]


def test_the_page_for_missing_extensions_has_no_policy_that_would_stop_one(client: Client) -> None:
    for path in ("/browser_lock/", "/browser_lock"):
        response = client.get(path)
        assert response.status_code == 200
        assert_frameable(response)
        assert "Content-Security-Policy" not in response


def test_everything_else_keeps_the_strict_headers(admin: Client, vendor: Vendor) -> None:
    for path in ("/admin/lti/ltitool/", "/", "/health/"):
        response = admin.get(path)
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_database_that_is_away_is_a_page_and_json(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt, monkeypatch: pytest.MonkeyPatch, learner: User
) -> None:
    from django.db import OperationalError, connection  # noqa: PLC0415

    told = browser.start(attempt)

    def fail(*args: Any) -> Any:
        raise OperationalError(2013, "Lost connection")

    with connection.execute_wrapper(fail):
        page = FormClient().post(AUTHORIZE, authentication_request(told, vendor))
        token = vendor.ask_for_token()
    assert (page.status_code, page["Content-Type"][:9], page["Retry-After"]) == (503, "text/html", "2")
    assert (token.status_code, token["Content-Type"], token["Retry-After"]) == (503, "application/json", "2")
