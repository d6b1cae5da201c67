"""Settings with which the service must not run."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.checks import run_checks
from django.core.management.base import SystemCheckError
from jwt.algorithms import RSAAlgorithm
from pytest_django import Settings

from edx_exams.apps.core.checks import check_secrets, has_keys, require_sound_settings
from edx_exams.settings import development
from edx_exams.settings.base import PLACEHOLDER_SECRET
from tests import tokens


def found() -> list[str | None]:
    """Ids of what the check finds."""
    return [message.id for message in check_secrets(None)]


@pytest.fixture(scope="module")
def own_key() -> str:
    """A private key that only this deployment has, as the JSON text of its JWK."""
    key: str = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    return key


@pytest.fixture
def deployment(settings: Settings, own_key: str) -> Settings:
    """Settings of a deployment that has secrets and keys of its own."""
    settings.REFUSE_PLACEHOLDER_SECRETS = True
    settings.SECRET_KEY = settings.SOCIAL_AUTH_EDX_OAUTH2_SECRET = "our own"
    settings.BACKEND_SERVICE_EDX_OAUTH2_SECRET = "our own too"
    settings.TOKEN_SIGNING = {**settings.TOKEN_SIGNING, "JWT_PRIVATE_SIGNING_JWK": own_key}
    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set()}
    return settings


def test_a_deployment_with_secrets_of_its_own_is_sound(deployment: Settings) -> None:
    assert found() == []
    require_sound_settings()


def test_developers_machines_may_have_placeholders(settings: Settings) -> None:
    settings.SECRET_KEY = PLACEHOLDER_SECRET
    assert not settings.REFUSE_PLACEHOLDER_SECRETS
    assert found() == []


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SECRET_KEY", "E001"),
        ("SOCIAL_AUTH_EDX_OAUTH2_SECRET", "E002"),
        ("BACKEND_SERVICE_EDX_OAUTH2_SECRET", "E003"),
    ],
)
@pytest.mark.parametrize(
    "placeholder",
    [PLACEHOLDER_SECRET, "edx_exams-sso-secret", "edx_exams-backend-service-secret", "local-development-only"],
)
def test_each_placeholder_of_a_secret_is_refused_by_name(
    name: str, number: str, placeholder: str, deployment: Settings
) -> None:
    setattr(deployment, name, placeholder)
    (problem,) = check_secrets(None)
    assert problem.id == f"edx_exams.{number}"
    assert problem.msg.startswith(name)
    assert problem.is_serious()


@pytest.mark.parametrize("name", ["SOCIAL_AUTH_EDX_OAUTH2_SECRET", "BACKEND_SERVICE_EDX_OAUTH2_SECRET"])
@pytest.mark.parametrize("nothing", ["", None])
def test_a_secret_that_is_not_set_is_refused(name: str, nothing: str | None, deployment: Settings) -> None:
    setattr(deployment, name, nothing)
    assert len(found()) == 1


@pytest.mark.parametrize(
    "key",
    [
        PLACEHOLDER_SECRET,
        None,
        "",
        "[]",
        "{}",
        {"kty": "RSA", "d": "AQAB"},
        json.dumps({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        development.PRIVATE_SIGNING_JWK,
    ],
)
def test_a_signing_key_that_is_none_or_that_everybody_knows_is_refused(key: Any, deployment: Settings) -> None:
    deployment.TOKEN_SIGNING = {**deployment.TOKEN_SIGNING, "JWT_PRIVATE_SIGNING_JWK": key}
    assert found() == ["edx_exams.E004"]


@pytest.mark.parametrize("keys", [None, "", "replace-me", "{}", "[]", '{"keys": []}', '{"keys": null}', {"keys": [1]}])
def test_without_the_lmss_public_keys_it_does_not_run(keys: Any, deployment: Settings) -> None:
    deployment.JWT_AUTH = {**deployment.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": keys}
    assert found() == ["edx_exams.E005"]
    assert not has_keys(keys)


@pytest.mark.parametrize("name", ["TOKEN_SIGNING", "JWT_AUTH"])
def test_keys_that_are_not_named_at_all_are_refused(name: str, deployment: Settings) -> None:
    setattr(deployment, name, {})
    assert len(found()) == 1


def test_djangos_own_run_of_checks_knows_ours(deployment: Settings) -> None:
    deployment.SECRET_KEY = PLACEHOLDER_SECRET
    assert "edx_exams.E001" in [message.id for message in run_checks()]


def test_processes_without_checks_of_djangos_are_stopped_and_told_of_all_problems(deployment: Settings) -> None:
    deployment.SECRET_KEY = deployment.SOCIAL_AUTH_EDX_OAUTH2_SECRET = PLACEHOLDER_SECRET
    with pytest.raises(SystemCheckError) as stopped:
        require_sound_settings()
    assert "SECRET_KEY is not set, or a placeholder" in str(stopped.value)
    assert "SOCIAL_AUTH_EDX_OAUTH2_SECRET is not set, or a placeholder" in str(stopped.value)
