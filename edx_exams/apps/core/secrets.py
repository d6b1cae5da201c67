# SPDX-License-Identifier: AGPL-3.0-only
"""Secrets and keys of a deployment: what makes one unfit. No text here shows any part of a secret."""

import json
from collections.abc import Iterator
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.conf import settings

from edx_exams.apps.core.setting_rules import is_placeholder

#: Characters; with fewer a secret is refused.
MIN_SECRET_LENGTH: Final = 16
#: Characters; with fewer there is a warning.
GOOD_SECRET_LENGTH: Final = 32


def fault_of_secret(secret: object) -> str | None:
    """Say why this is not fit to be a secret, as the rest of a sentence; None for one that is."""
    if secret is None or secret == "":
        return "is not set"
    if not isinstance(secret, str):
        return "is not text"
    if is_placeholder(secret):
        return "is a placeholder"
    if secret.strip().casefold() in settings.PUBLISHED_SECRETS:
        return "is a value that is published, so that anybody knows it"
    if len(secret.strip()) < MIN_SECRET_LENGTH:
        return f"is shorter than {MIN_SECRET_LENGTH} characters"
    return None


def is_short(secret: object) -> bool:
    """Tell a secret that is accepted and should be longer."""
    return isinstance(secret, str) and len(secret.strip()) < GOOD_SECRET_LENGTH


def issuers() -> list[dict[str, Any]]:
    """Return the entries of `JWT_AUTH['JWT_ISSUERS']` that are mappings."""
    listed = settings.JWT_AUTH.get("JWT_ISSUERS")
    return [issuer for issuer in listed if isinstance(issuer, dict)] if isinstance(listed, (list, tuple)) else []


def named_secrets() -> Iterator[tuple[str, str, object]]:
    """Yield each secret of the deployment: the id of its errors, its name in a settings file, its value."""
    yield "edx_exams.E001", "SECRET_KEY", getattr(settings, "SECRET_KEY", None)
    for number, fallback in enumerate(getattr(settings, "SECRET_KEY_FALLBACKS", ())):
        yield "edx_exams.E001", f"SECRET_KEY_FALLBACKS[{number}]", fallback
    yield "edx_exams.E002", "SOCIAL_AUTH_EDX_OAUTH2_SECRET", settings.SOCIAL_AUTH_EDX_OAUTH2_SECRET
    yield "edx_exams.E003", "BACKEND_SERVICE_EDX_OAUTH2_SECRET", settings.BACKEND_SERVICE_EDX_OAUTH2_SECRET
    if "JWT_SECRET_KEY" in settings.JWT_AUTH:
        yield "edx_exams.E007", "JWT_AUTH['JWT_SECRET_KEY']", settings.JWT_AUTH["JWT_SECRET_KEY"]
    for number, issuer in enumerate(issuers()):
        yield "edx_exams.E007", f"JWT_AUTH['JWT_ISSUERS'][{number}]['SECRET_KEY']", issuer.get("SECRET_KEY")


def has_keys(jwk_set: object) -> bool:
    """Tell the JSON text of a JWK set from which at least one RSA key can be read."""
    try:
        keys = jwt.PyJWKSet.from_json(jwk_set).keys if isinstance(jwk_set, str) else []
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return False
    return any(isinstance(key.key, (RSAPublicKey, RSAPrivateKey)) for key in keys)


def is_published_key(jwk: object) -> bool:
    """Tell a key pair of development environments, whose private half anybody has."""
    return isinstance(jwk, dict) and jwk.get("n") in settings.PUBLISHED_KEY_MODULI


def keys_in(jwk_set: str) -> list[Any]:
    """Return the keys in the JSON text of a key set, of which `has_keys` is true."""
    keys: list[Any] = json.loads(jwk_set)["keys"]
    return keys
