# SPDX-License-Identifier: AGPL-3.0-only
"""System checks: settings with which the service must not run."""

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks  # noqa: A004  (the framework's name)
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.management.base import SystemCheckError
from django.db.utils import load_backend

from edx_exams.apps.core import secrets, token_signing
from edx_exams.apps.core.models import User
from edx_exams.apps.core.setting_rules import in_words, is_placeholder, is_set, placeholders_in, value_of, violations
from edx_exams.apps.core.settings_bounds import ADDRESSES, RULES

TAG: Final = "edx_exams"

_OWN_VALUE: Final = (
    "Put a value of this deployment's own into the file that EDX_EXAMS_CFG names, or into the environment."
)


#: Of no deployment (RFC 2606): a pattern that matches them matches any site.
_FOREIGN_ORIGINS: Final = ("https://site.invalid", "http://site.invalid")


@register(TAG)
def check_secrets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """In production every secret is the deployment's own, and the LMS's keys are known."""
    if not settings.REFUSE_PLACEHOLDER_SECRETS:
        return []
    found = [*_secrets(), *_signing_key(), *_lms_keys()]
    found += _other_placeholders({message.msg.partition(" ")[0] for message in found})
    if any(message.is_serious() for message in found) and not settings.CONFIGURATION_FILE:
        problem = "EDX_EXAMS_CFG is not set: it must name the YAML file with this deployment's settings."
        found.insert(0, Error(problem, id="edx_exams.E008"))
    return found


def _secrets() -> Iterator[CheckMessage]:
    for number, name, secret in secrets.named_secrets():
        if fault := secrets.fault_of_secret(secret):
            yield Error(f"{name} {fault}.", hint=_OWN_VALUE, id=number)
        elif secrets.is_short(secret):
            problem = f"{name} is shorter than {secrets.GOOD_SECRET_LENGTH} characters."
            yield Warning(problem, hint="Take a longer one, made at random.", id="edx_exams.W001")


def _other_placeholders(reported: Collection[str]) -> Iterator[CheckMessage]:
    """Whatever else the settings file says and nobody has filled in: the mail server's password, the database's."""
    for setting in sorted(settings.NAMES_IN_CONFIGURATION_FILE - set(ADDRESSES)):
        for name in placeholders_in(setting, getattr(settings, setting, None)):
            if name not in reported:
                yield Warning(f"{name} is a placeholder.", hint=_OWN_VALUE, id="edx_exams.W005")


def _signing_key() -> Iterator[CheckMessage]:
    name = "TOKEN_SIGNING['JWT_PRIVATE_SIGNING_JWK']"
    jwk = settings.TOKEN_SIGNING.get("JWT_PRIVATE_SIGNING_JWK")
    if not isinstance(jwk, str) or is_placeholder(jwk):
        yield Error(f"{name} is not set, or a placeholder.", hint=_OWN_VALUE, id="edx_exams.E004")
        return
    try:
        token_signing.signing_key(jwk, str(settings.TOKEN_SIGNING.get("JWT_SIGNING_ALGORITHM")))
    except token_signing.UnusableSigningKey as fault:
        yield Error(f"{name} {fault}.", hint=_OWN_VALUE, id="edx_exams.E004")
        return
    if secrets.is_published_key(json.loads(jwk)):
        yield Error(f"{name} is a development key, with which anybody can sign.", hint=_OWN_VALUE, id="edx_exams.E004")


def _lms_keys() -> Iterator[CheckMessage]:
    name = "JWT_AUTH['JWT_PUBLIC_SIGNING_JWK_SET']"
    jwk_set = settings.JWT_AUTH.get("JWT_PUBLIC_SIGNING_JWK_SET")
    if not isinstance(jwk_set, str) or not secrets.has_keys(jwk_set):
        hint = "Without the LMS's public keys, tokens with any signature would be taken for genuine."
        yield Error(f"{name} is not set, or holds no RSA key.", hint=hint, id="edx_exams.E005")
    elif any(secrets.is_published_key(key) for key in secrets.keys_in(jwk_set)):
        hint = "Put the LMS's own public keys there, and only those."
        yield Error(f"{name} holds a development key, with which anybody can sign.", hint=hint, id="edx_exams.E006")


@register(TAG)
def check_values(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings are of the type and within the bounds that the code relies on."""
    return list(violations(RULES, id="edx_exams.E020"))


@register(TAG)
def check_addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """URLs are URLs. One that nobody has set is a warning: a service may do without single sign-on."""
    unset = {name for name in ADDRESSES if value_of(name) == settings.PLACEHOLDER_SECRET}
    unset -= settings.NAMES_IN_CONFIGURATION_FILE
    found: list[CheckMessage] = list(
        violations({name: rule for name, rule in ADDRESSES.items() if name not in unset}, id="edx_exams.E021")
    )
    if settings.REFUSE_PLACEHOLDER_SECRETS:
        not_set = (f"{in_words(name)} is not set." for name in ADDRESSES if name in unset)
        found += [Warning(problem, id="edx_exams.W002") for problem in not_set]
    return found


@register(TAG)
def check_jwt(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Each issuer of tokens has an audience, and claims are mapped to fields that people have."""
    return [*_issuers(), *_mapped_fields(), *_cookies()]


def _cookies() -> Iterator[CheckMessage]:
    names = [value_of(f"JWT_AUTH.{key}") for key in ("JWT_AUTH_COOKIE_HEADER_PAYLOAD", "JWT_AUTH_COOKIE_SIGNATURE")]
    if not all(isinstance(name, str) and name for name in names) or names[0] == names[1]:
        problem = (
            "JWT_AUTH['JWT_AUTH_COOKIE_HEADER_PAYLOAD'] and JWT_AUTH['JWT_AUTH_COOKIE_SIGNATURE'] must be the names "
            "of two cookies."
        )
        yield Error(problem, hint="The LMS's own: edx-jwt-cookie-header-payload, -signature.", id="edx_exams.E015")


def _issuers() -> Iterator[CheckMessage]:
    listed = settings.JWT_AUTH.get("JWT_ISSUERS")
    if listed is None or listed == []:
        if settings.REFUSE_PLACEHOLDER_SECRETS and not is_set("JWT_AUTH.JWT_AUDIENCE"):
            problem = "JWT_AUTH['JWT_AUDIENCE'] is not set: tokens that the LMS made for other services are accepted."
            yield Warning(problem, id="edx_exams.W003")
        return
    if not isinstance(listed, (list, tuple)):
        yield Error("JWT_AUTH['JWT_ISSUERS'] must be a list of mappings.", id="edx_exams.E009")
        return
    for number, issuer in enumerate(listed):
        for key in ("ISSUER", "AUDIENCE"):
            value = issuer.get(key) if isinstance(issuer, Mapping) else None
            texts = value if key == "AUDIENCE" and isinstance(value, list) and value else [value]
            if not all(isinstance(text, str) and not is_placeholder(text) for text in texts):
                problem = f"JWT_AUTH['JWT_ISSUERS'][{number}]['{key}'] is not set, or a placeholder."
                yield Error(problem, id="edx_exams.E009")


def _mapped_fields() -> Iterator[CheckMessage]:
    name = "EDX_DRF_EXTENSIONS['JWT_PAYLOAD_USER_ATTRIBUTE_MAPPING']"
    mapping = settings.EDX_DRF_EXTENSIONS.get("JWT_PAYLOAD_USER_ATTRIBUTE_MAPPING", {})
    if not isinstance(mapping, Mapping):
        yield Error(f"{name} must map claims to fields of a user.", id="edx_exams.E010")
        return
    for claim, field in mapping.items():
        if not _is_field(field):
            yield Error(f"{name}[{claim!r}] is not a field of a user.", id="edx_exams.E010")


def _is_field(name: object) -> bool:
    try:
        return isinstance(name, str) and User._meta.get_field(name).concrete
    except FieldDoesNotExist:
        return False


@register(TAG)
def check_deployment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A deployment has a database, lets nobody in without a password, and knows that it is reached by https."""
    if not settings.REFUSE_PLACEHOLDER_SECRETS:
        return []
    return [*_databases(), *_auto_auth(), *_debug(), *_origins(), *_https()]


def _databases() -> Iterator[CheckMessage]:
    databases: Any = settings.DATABASES  # as a file may have it
    database = databases.get("default") if isinstance(databases, Mapping) else None
    if not isinstance(database, Mapping):
        database = {}
    engine = database.get("ENGINE")
    hint = "MySQL and MariaDB: django.db.backends.mysql."
    if not engine or engine == "django.db.backends.dummy":
        yield Error("DATABASES['default'] is not set, or names no ENGINE.", hint=hint, id="edx_exams.E011")
        return
    try:
        load_backend(engine)
    except (ImproperlyConfigured, ImportError):
        yield Error("DATABASES['default']['ENGINE'] cannot be loaded.", hint=hint, id="edx_exams.E011")
    if database.get("AUTOCOMMIT", True) is not True:
        problem = "DATABASES['default']['AUTOCOMMIT'] must not be off: nothing that is written would stay."
        yield Error(problem, hint="Leave it out.", id="edx_exams.E011")
    age = database.get("CONN_MAX_AGE", 0)
    if age is not None and (isinstance(age, bool) or not isinstance(age, (int, float)) or age < 0):
        problem = "DATABASES['default']['CONN_MAX_AGE'] must be a number of seconds, or None."
        yield Error(problem, id="edx_exams.E011")


def _auto_auth() -> Iterator[CheckMessage]:
    if settings.ENABLE_AUTO_AUTH:
        problem = "ENABLE_AUTO_AUTH is on: /auto_auth/ makes a superuser of anybody."
        yield Error(problem, hint="It is for development alone.", id="edx_exams.E012")


def _debug() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        problem = "DEBUG is on: whoever causes an error is shown settings and personal data."
        yield Error(problem, hint="It is for development alone.", id="edx_exams.E013")


def _origins() -> Iterator[CheckMessage]:
    """Refuse to let any site read, with a visitor's cookies, what the service answers."""
    hint = "Name the micro-frontends in CORS_ORIGIN_WHITELIST."
    for name in ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"):
        if getattr(settings, name, False):
            problem = f"{name} is on: any web site could read what a visitor may see."
            yield Error(problem, hint=hint, id="edx_exams.E014")
    for name in ("CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ORIGIN_REGEX_WHITELIST"):
        patterns = getattr(settings, name, ())
        if not isinstance(patterns, (list, tuple)):
            yield Error(f"{name} must be a list.", id="edx_exams.E014")
        elif any(_matches_any_site(pattern) for pattern in patterns):
            problem = f"{name} has a pattern that is none, or that any web site matches."
            yield Error(problem, hint=hint, id="edx_exams.E014")


def _matches_any_site(pattern: object) -> bool:
    """Tell what is no pattern, too."""
    try:
        return any(re.match(pattern, origin) for origin in _FOREIGN_ORIGINS)  # type: ignore[call-overload]
    except (TypeError, re.error):
        return True


def _https() -> Iterator[CheckMessage]:
    tells = settings.SECURE_PROXY_SSL_HEADER or os.environ.get("FORWARDED_ALLOW_IPS")
    if str(settings.ROOT_URL).startswith("https://") and not tells:
        yield Warning(
            "ROOT_URL is https, and nothing tells Django that a request came so.",
            hint=(
                "Behind a proxy that ends TLS set SECURE_PROXY_SSL_HEADER: [HTTP_X_FORWARDED_PROTO, https], and let "
                "the proxy set that header; or tell gunicorn the proxy's address in FORWARDED_ALLOW_IPS."
            ),
            id="edx_exams.W004",
        )


def run_settings_checks() -> None:
    """
    Run our checks, for processes that Django runs none for. Those in `SILENCED_SYSTEM_CHECKS` do not count.

    :raises SystemCheckError: one of them found an error; its text is a line for each
    """
    errors = [message for message in run_checks(tags=[TAG]) if message.is_serious() and not message.is_silenced()]
    if errors:
        raise SystemCheckError("\n".join(_in_one_line(error) for error in errors))


def _in_one_line(error: CheckMessage) -> str:
    hint = f" {error.hint}" if error.hint else ""
    return f"({error.id}) {error.msg}{hint}"
