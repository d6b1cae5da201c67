"""System checks: settings with which the service must not run."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import jwt
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register, run_checks
from django.core.management.base import SystemCheckError

TAG = "edx_exams"

#: Secrets that every deployment has, and the check's id for each.
_SECRETS: Final = {
    "SECRET_KEY": "E001",
    "SOCIAL_AUTH_EDX_OAUTH2_SECRET": "E002",
    "BACKEND_SERVICE_EDX_OAUTH2_SECRET": "E003",
}


@register(TAG)
def check_secrets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """In production every secret is the deployment's own, and the LMS's keys are known."""
    if not settings.REFUSE_PLACEHOLDER_SECRETS:
        return []
    return list(_problems())


def _problems() -> Iterator[CheckMessage]:
    own = "Put a value of this deployment's own into the file that EDX_EXAMS_CFG names, or into the environment."
    for name, number in _SECRETS.items():
        if not _is_own(getattr(settings, name, None)):
            yield Error(f"{name} is not set, or a placeholder.", hint=own, id=f"edx_exams.{number}")
    if not _is_own_signing_key(settings.TOKEN_SIGNING.get("JWT_PRIVATE_SIGNING_JWK")):
        problem = "TOKEN_SIGNING['JWT_PRIVATE_SIGNING_JWK'] is no private RSA JWK of this deployment's own."
        yield Error(problem, hint=own, id="edx_exams.E004")
    lms_keys = settings.JWT_AUTH.get("JWT_PUBLIC_SIGNING_JWK_SET")
    if not has_keys(lms_keys):
        hint = "Without the LMS's public keys, tokens with any signature would be taken for genuine."
        problem = "JWT_AUTH['JWT_PUBLIC_SIGNING_JWK_SET'] is not set, or has no keys."
        yield Error(problem, hint=hint, id="edx_exams.E005")
    elif _is_development_key(str(lms_keys)):
        problem = "JWT_AUTH['JWT_PUBLIC_SIGNING_JWK_SET'] holds the development key, with which anyone can sign."
        yield Error(problem, hint="Put the LMS's own public keys there.", id="edx_exams.E006")


def _is_own(secret: object) -> bool:
    from edx_exams.settings import base, development  # noqa: PLC0415  (needed by this check alone)

    known = {
        "",
        base.PLACEHOLDER_SECRET,
        development.SECRET_KEY,
        development.SSO_SECRET,
        development.BACKEND_SERVICE_SECRET,
    }
    return isinstance(secret, str) and secret not in known


def _is_own_signing_key(jwk: object) -> bool:
    from edx_exams.settings import development  # noqa: PLC0415  (needed by this check alone)

    try:
        key = json.loads(jwk) if isinstance(jwk, str) else {}
    except ValueError:
        return False
    return isinstance(key, dict) and bool(key.get("d")) and key.get("n") != development.SIGNING_JWK["n"]


def has_keys(jwk_set: object) -> bool:
    """Whether this is the JSON text of a JWK set from which at least one key can be read."""
    try:
        return isinstance(jwk_set, str) and bool(jwt.PyJWKSet.from_json(jwk_set).keys)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return False


def _is_development_key(jwk_set: str) -> bool:
    from edx_exams.settings import development  # noqa: PLC0415  (needed by this check alone)

    return any(key.get("n") == development.SIGNING_JWK["n"] for key in json.loads(jwk_set)["keys"])


def require_sound_settings() -> None:
    """
    Run our checks, for processes that Django runs none for.

    :raises SystemCheckError: one of them found an error
    """
    if errors := [message for message in run_checks(tags=[TAG]) if message.is_serious()]:
        raise SystemCheckError("\n".join(str(error) for error in errors))
