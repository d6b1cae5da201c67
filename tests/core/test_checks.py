# SPDX-License-Identifier: AGPL-3.0-only
"""Settings with which the service must not run: each is refused in one line that names the setting and the cause."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import SystemCheckError
from jwt.algorithms import RSAAlgorithm
from pytest_django import Settings

from edx_exams.apps.core import token_signing
from edx_exams.apps.core.checks import TAG, check_secrets, run_settings_checks
from edx_exams.apps.core.secrets import has_keys
from edx_exams.settings import development
from edx_exams.settings.base import PLACEHOLDER_SECRET
from tests import tokens

GOOD: Final = "b7Qm-3zKx9vR2tLwYp8sHn4dGf6jCa1e"
DEVELOPMENT_LMS_KEY: Final = development.LMS_PUBLIC_JWK

Change = tuple[str, Any]


@pytest.fixture(scope="module")
def own_key() -> dict[str, Any]:
    """A private key that only this deployment has, as a JWK."""
    key: dict[str, Any] = RSAAlgorithm.to_jwk(
        rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True
    )
    return key


@pytest.fixture
def deployment(settings: Settings, own_key: dict[str, Any]) -> Settings:
    """Settings of a deployment that has secrets and keys of its own."""
    settings.REFUSE_PLACEHOLDER_SECRETS = True
    settings.LTI_API_BASE = "https://exams.example.org"
    settings.CONFIGURATION_FILE = "edx_exams.yml"
    for name in ("SECRET_KEY", "SOCIAL_AUTH_EDX_OAUTH2_SECRET", "BACKEND_SERVICE_EDX_OAUTH2_SECRET"):
        setattr(settings, name, GOOD)
    for name in ("ISSUER", "URL_ROOT", "LOGOUT_URL", "PUBLIC_URL_ROOT"):
        setattr(settings, f"SOCIAL_AUTH_EDX_OAUTH2_{name}", "https://lms.example.org")
    settings.TOKEN_SIGNING = {**settings.TOKEN_SIGNING, "JWT_PRIVATE_SIGNING_JWK": json.dumps(own_key)}
    settings.JWT_AUTH = {
        **settings.JWT_AUTH,
        "JWT_SECRET_KEY": GOOD,
        "JWT_ISSUERS": [{"ISSUER": "https://lms.example.org/oauth2", "AUDIENCE": "lms-key", "SECRET_KEY": GOOD}],
        "JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set(),
    }
    return settings


def put(settings: Settings, name: str, value: object) -> None:
    """Set `NAME`, or a key of a dictionary by `NAME.KEY`, or of its first issuer by `JWT_ISSUERS.KEY`."""
    first, _, key = name.partition(".")
    if first == "JWT_ISSUERS":
        issuer = {**settings.JWT_AUTH["JWT_ISSUERS"][0], key: value}
        settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_ISSUERS": [issuer]}
    elif key:
        setattr(settings, first, {**getattr(settings, first), key: value})
    else:
        setattr(settings, first, value)


def refusal() -> str:
    """Run a process that checks its settings at start, and return what it says: a line for each error."""
    with pytest.raises(SystemCheckError) as stopped:
        run_settings_checks()
    return str(stopped.value)


def test_a_deployment_with_secrets_of_its_own_starts(deployment: Settings) -> None:
    run_settings_checks()
    assert [message.id for message in check_secrets(None)] == []


def test_developers_machines_may_have_placeholders(settings: Settings) -> None:
    settings.SECRET_KEY = PLACEHOLDER_SECRET
    assert not settings.REFUSE_PLACEHOLDER_SECRETS
    assert check_secrets(None) == []


SECRETS: Final = {
    "SECRET_KEY": "SECRET_KEY",
    "SOCIAL_AUTH_EDX_OAUTH2_SECRET": "SOCIAL_AUTH_EDX_OAUTH2_SECRET",
    "BACKEND_SERVICE_EDX_OAUTH2_SECRET": "BACKEND_SERVICE_EDX_OAUTH2_SECRET",
    "JWT_AUTH.JWT_SECRET_KEY": "JWT_AUTH['JWT_SECRET_KEY']",
    "JWT_ISSUERS.SECRET_KEY": "JWT_AUTH['JWT_ISSUERS'][0]['SECRET_KEY']",
}
UNFIT: Final = (
    None, "", "   ", 5, "…", "replace-me", "SET-ME-PLEASE", "change-me", "lms-secret", "insecure-secret-key",
    "edx_exams-sso-secret", "edx_exams-backend-service-secret", "local-development-only", "fifteen-letters",
)  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("unfit", UNFIT)
def test_a_secret_that_is_missing_short_or_known_is_refused_by_name(
    name: str, unfit: object, deployment: Settings
) -> None:
    put(deployment, name, unfit)
    if name == "SECRET_KEY" and not unfit:  # Django refuses it itself, and names it
        with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
            run_settings_checks()
        return
    lines = [line for line in refusal().splitlines() if SECRETS[name] in line]
    assert len(lines) == 1
    assert not unfit or unfit == "replace-me" or f" {unfit}" not in lines[0].replace("published", "")


def test_a_secret_of_less_than_32_characters_is_warned_of(deployment: Settings) -> None:
    deployment.SECRET_KEY = GOOD[:20]
    assert [message.id for message in check_secrets(None)] == ["edx_exams.W001"]
    run_settings_checks()


def test_former_secret_keys_are_looked_at_too(deployment: Settings) -> None:
    deployment.SECRET_KEY_FALLBACKS = [GOOD, "lms-secret"]
    assert "SECRET_KEY_FALLBACKS[1]" in refusal()


class TestSigningKey:
    """The key of exam access tokens signs and verifies a probe before the service starts."""

    @pytest.mark.parametrize("present", [(), ("p", "q"), ("p", "q", "dp"), ("p", "q", "dp", "dq", "qi")])
    def test_a_key_without_what_follows_from_the_others_works(
        self, present: tuple[str, ...], own_key: dict[str, Any], deployment: Settings
    ) -> None:
        jwk = json.dumps({name: own_key[name] for name in ("kty", "n", "e", "d", *present)})
        put(deployment, "TOKEN_SIGNING.JWT_PRIVATE_SIGNING_JWK", jwk)
        run_settings_checks()
        assert token_signing.signing_key(jwk, "RS512").sign({"a": 1}).count(".") == 2

    @pytest.mark.parametrize(
        "key",
        [
            PLACEHOLDER_SECRET, "…", None, "", "[]", "{}", "{" * 20_000, {"kty": "RSA", "d": "AQAB"},
            json.dumps({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json.dumps({"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"}),
            json.dumps({"kty": "RSA", "n": "…", "e": "AQAB", "d": "…", "p": "…", "q": "…"}),
            json.dumps({"kty": "RSA", "n": 1, "e": 2, "d": 3}),
            json.dumps({"kty": "oct", "k": "AQAB"}),
            development.PRIVATE_SIGNING_JWK,
        ],
    )  # fmt: skip
    def test_one_that_cannot_sign_or_that_everybody_has_is_refused(self, key: object, deployment: Settings) -> None:
        put(deployment, "TOKEN_SIGNING.JWT_PRIVATE_SIGNING_JWK", key)
        assert [message.id for message in check_secrets(None)] == ["edx_exams.E004"]

    @pytest.mark.parametrize("algorithm", ["RS5120", "HS256", "none", "", None, 512])
    def test_an_algorithm_that_does_not_exist_is_refused_and_shows_no_key(
        self, algorithm: object, deployment: Settings, own_key: dict[str, Any]
    ) -> None:
        put(deployment, "TOKEN_SIGNING.JWT_SIGNING_ALGORITHM", algorithm)
        text = refusal()
        assert "algorithm" in text
        assert not [name for name in ("d", "p", "q", "dp", "dq", "qi") if own_key[name][:20] in text]

    def test_no_error_of_a_broken_key_carries_it_into_a_traceback(self, own_key: dict[str, Any]) -> None:
        broken = {**own_key, "p": own_key["q"], "d": own_key["d"][:-4] + "AAAA"}
        with pytest.raises(token_signing.UnusableSigningKey) as refused:
            token_signing.signing_key(json.dumps(broken), "RS512")
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None


@pytest.mark.parametrize("keys", [None, "", "replace-me", "{}", "[]", '{"keys": []}', '{"keys": null}', {"keys": [1]}])
def test_without_the_lmss_public_keys_it_does_not_run(keys: Any, deployment: Settings) -> None:
    put(deployment, "JWT_AUTH.JWT_PUBLIC_SIGNING_JWK_SET", keys)
    assert [message.id for message in check_secrets(None)] == ["edx_exams.E005"]
    assert not has_keys(keys)


def test_the_development_lmss_key_is_refused_beside_another_too(deployment: Settings) -> None:
    own = json.loads(tokens.public_jwk_set())["keys"]
    put(deployment, "JWT_AUTH.JWT_PUBLIC_SIGNING_JWK_SET", json.dumps({"keys": [*own, DEVELOPMENT_LMS_KEY]}))
    assert [message.id for message in check_secrets(None)] == ["edx_exams.E006"]


WRONG: Final[list[Change]] = [
    *((name, value) for name in (
        "LMS_ROOT_URL", "ROOT_URL", "LEARNING_MICROFRONTEND_URL", "EXAMS_DASHBOARD_MFE_URL", "LTI_API_BASE",
        "SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT", "SOCIAL_AUTH_EDX_OAUTH2_LOGOUT_URL",
        "SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT",
    ) for value in ("https://…", "courses.example.org", "https://user:password@host")),
    ("SOCIAL_AUTH_EDX_OAUTH2_ISSUER", "…"),
    ("CORS_ORIGIN_WHITELIST", "https://apps.example.org"),
    ("CORS_ORIGIN_WHITELIST", ["https://apps.example.org/learning"]),
    ("CSRF_TRUSTED_ORIGINS", "https://apps.example.org"),
    ("CSRF_TRUSTED_ORIGINS", ["apps.example.org"]),
    ("LTI_TOOL_URL_ALLOWED_HOSTS", "localhost"),
    ("LTI_TOOL_URL_ALLOWED_HOSTS", ["http://localhost"]),
    ("LTI_KEY_ENCRYPTION_KEYS", "one"),
    ("LTI_KEY_ENCRYPTION_KEYS", ["one"]),
    ("LTI_MAX_PAUSE_MINUTES", "240"),
    ("LTI_MAX_PAUSE_MINUTES", 0),
    ("LTI_MAX_PAUSE_MINUTES", 10_000_000),
    ("LTI_REQUIRE_JTI", "no"),
    ("LOCK_WAIT_TIMEOUT", "5"),
    ("SWEEP_BATCH_SIZE", 0),
    ("EMAIL_TIMEOUT", "10"),
    ("EMAIL_BACKEND", "no.such.Backend"),
    ("EVENT_OUTBOX_RETENTION_DAYS", -1),
    ("EVENT_BUS_PRODUCER_CONFIG", []),
    ("EVENT_BUS_PRODUCER_CONFIG", {"org.openedx.learning.exam.attempt.reset.v1": {"topic": {"enabled": "yes"}}}),
    ("EVENT_BUS_RELAY_PRODUCER", "kafak"),
    ("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL", "registry:8081"),
    ("EVENT_BUS_CONSUMER", "no.such.Consumer"),
    ("LOGGING_FORMAT", "jsno"),
    ("SECURE_PROXY_SSL_HEADER", "HTTP_X_FORWARDED_PROTO"),
    ("ENABLE_AUTO_AUTH", True),
    ("DATABASES", {}),
    ("DATABASES", {"default": {"ENGINE": "django.db.backends.msql"}}),
    ("DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3", "AUTOCOMMIT": False}}),
    ("DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3", "CONN_MAX_AGE": "60"}}),
    ("SESSION_COOKIE_AGE", "two weeks"),
    ("USE_X_FORWARDED_HOST", "true"),
    ("DEBUG", True),
    ("CORS_ALLOW_ALL_ORIGINS", True),
    ("CORS_ORIGIN_ALLOW_ALL", True),
    ("CORS_ALLOWED_ORIGIN_REGEXES", [".*"]),
    ("CORS_ALLOWED_ORIGIN_REGEXES", ["^https://"]),
    ("CORS_ALLOWED_ORIGIN_REGEXES", ["("]),
    ("CORS_ALLOWED_ORIGIN_REGEXES", ".*"),
    ("LTI_BROWSER_EXTENSION_URL", "javascript:alert(1)"),
    ("JWT_AUTH.JWT_AUTH_COOKIE_SIGNATURE", "edx-jwt-cookie-header-payload"),
    ("JWT_AUTH.JWT_LEEWAY", "60"),
    ("JWT_AUTH.JWT_LEEWAY", -1),
    ("JWT_AUTH.JWT_ISSUERS", {"ISSUER": "x"}),
    ("JWT_ISSUERS.AUDIENCE", None),
    ("JWT_ISSUERS.AUDIENCE", "…"),
    ("JWT_ISSUERS.ISSUER", None),
    ("EDX_DRF_EXTENSIONS.JWT_PAYLOAD_USER_ATTRIBUTE_MAPPING", {"name": "fullname"}),
    ("EDX_DRF_EXTENSIONS.ENABLE_SET_REQUEST_USER_FOR_JWT_COOKIE", True),
    ("TOKEN_SIGNING.JWT_ISSUER", "…"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize(("name", "value"), WRONG)
def test_each_wrong_value_is_refused_in_one_line_that_names_the_setting(
    name: str, value: object, deployment: Settings
) -> None:
    put(deployment, name, value)
    key = name.rpartition(".")[2]
    lines = refusal().splitlines()
    assert lines
    assert all(key in line for line in lines)
    assert "password" not in " ".join(lines)


SUSPICIOUS: Final[list[tuple[Mapping[str, Any], str]]] = [
    ({"ROOT_URL": "https://exams.example.org"}, "edx_exams.W004"),
    ({"SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT": PLACEHOLDER_SECRET}, "edx_exams.W002"),
    ({"LTI_API_BASE": "http://exams.example.org"}, "edx_exams.lti.W001"),
    ({"LTI_API_BASE": "https://exams.example.org/exams"}, "edx_exams.lti.W001"),
    ({"JWT_AUTH.JWT_ISSUERS": [], "JWT_AUTH.JWT_AUDIENCE": None}, "edx_exams.W003"),
]


@pytest.mark.parametrize(("changes", "expected"), SUSPICIOUS)
def test_what_may_be_meant_is_a_warning(
    changes: Mapping[str, Any], expected: str, deployment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    for name, value in changes.items():
        put(deployment, name, value)
    found = [message.id for message in run_checks(tags=[TAG]) if re.match(r"edx_exams\.(lti\.)?W", str(message.id))]
    assert found == [expected]
    run_settings_checks()


def test_an_address_that_the_file_leaves_as_a_placeholder_is_an_error(deployment: Settings) -> None:
    deployment.SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = PLACEHOLDER_SECRET
    deployment.NAMES_IN_CONFIGURATION_FILE = frozenset({"SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT"})
    assert "SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT" in refusal()


def test_whatever_else_the_file_leaves_as_a_placeholder_is_a_warning_that_names_its_place(deployment: Settings) -> None:
    deployment.EMAIL_HOST_PASSWORD = PLACEHOLDER_SECRET
    deployment.EVENT_BUS_CONSUMER_KAFKA_OPTIONS = {"ssl.key.password": "change_me"}
    deployment.LTI_TOOL_URL_ALLOWED_HOSTS = ["localhost", " SET-ME-PLEASE "]
    deployment.PLATFORM_NAME = "Learn to change me …"
    deployment.SOCIAL_AUTH_EDX_OAUTH2_SECRET = PLACEHOLDER_SECRET
    deployment.NAMES_IN_CONFIGURATION_FILE = frozenset(
        {
            "EMAIL_HOST_PASSWORD",
            "EVENT_BUS_CONSUMER_KAFKA_OPTIONS",
            "LTI_TOOL_URL_ALLOWED_HOSTS",
            "PLATFORM_NAME",
            "SOCIAL_AUTH_EDX_OAUTH2_SECRET",
        }
    )
    found = [(message.id, message.msg.partition(" ")[0]) for message in check_secrets(None)]
    assert found == [
        ("edx_exams.E002", "SOCIAL_AUTH_EDX_OAUTH2_SECRET"),
        ("edx_exams.W005", "EMAIL_HOST_PASSWORD"),
        ("edx_exams.W005", "EVENT_BUS_CONSUMER_KAFKA_OPTIONS['ssl.key.password']"),
        ("edx_exams.W005", "LTI_TOOL_URL_ALLOWED_HOSTS[1]"),
    ]


@pytest.mark.parametrize(
    "tell",
    [
        lambda settings, _: setattr(settings, "SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        lambda _, monkeypatch: monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1"),
    ],
)
def test_a_service_that_knows_of_its_tls_proxy_is_not_warned_of(
    tell: Callable[[Settings, pytest.MonkeyPatch], None], deployment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.ROOT_URL = "https://exams.example.org"
    tell(deployment, monkeypatch)
    assert "edx_exams.W004" not in [message.id for message in run_checks(tags=[TAG])]


def test_without_a_file_the_first_line_says_so(deployment: Settings) -> None:
    deployment.CONFIGURATION_FILE, deployment.SECRET_KEY = None, PLACEHOLDER_SECRET
    assert "EDX_EXAMS_CFG is not set" in refusal()


def test_silenced_checks_do_not_count(deployment: Settings) -> None:
    deployment.SECRET_KEY = "short"
    deployment.SILENCED_SYSTEM_CHECKS = ["edx_exams.E001"]
    run_settings_checks()


def test_djangos_own_run_of_checks_knows_ours(deployment: Settings) -> None:
    deployment.SECRET_KEY = PLACEHOLDER_SECRET
    assert "edx_exams.E001" in [message.id for message in run_checks()]


def test_a_process_is_told_of_all_errors_at_once(deployment: Settings) -> None:
    deployment.SECRET_KEY = deployment.SOCIAL_AUTH_EDX_OAUTH2_SECRET = PLACEHOLDER_SECRET
    assert [line.split()[1] for line in refusal().splitlines()] == ["SECRET_KEY", "SOCIAL_AUTH_EDX_OAUTH2_SECRET"]
