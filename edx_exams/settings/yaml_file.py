# SPDX-License-Identifier: AGPL-3.0-only
"""The file of a deployment's settings: how it is read, and what becomes of each of its names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from django.core.exceptions import ImproperlyConfigured

#: Dictionaries that the file need not repeat in full.
MERGED: Final = ("JWT_AUTH", "EDX_DRF_EXTENSIONS", "TOKEN_SIGNING")
#: Dictionaries whose contents are settings themselves.
UNPACKED: Final = ("FILE_STORAGE_BACKEND", "MEDIA_STORAGE_BACKEND")

#: Environment variables of the account for migrations, and the database's keys that they replace.
_MIGRATION_ACCOUNT: Final[Mapping[str, str]] = {
    "DB_MIGRATION_USER": "USER",
    "DB_MIGRATION_PASS": "PASSWORD",
    "DB_MIGRATION_ENGINE": "ENGINE",
    "DB_MIGRATION_NAME": "NAME",
    "DB_MIGRATION_HOST": "HOST",
    "DB_MIGRATION_PORT": "PORT",
}


def read(path: str) -> dict[str, Any]:
    """
    Read the file.

    :raises ImproperlyConfigured: it cannot be read, or is not a YAML mapping; the text is one line and shows no value
    """
    try:
        loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        message = f"EDX_EXAMS_CFG: {path} cannot be read: {error.strerror or type(error).__name__}."
        raise ImproperlyConfigured(message) from None
    except UnicodeDecodeError:
        message = f"EDX_EXAMS_CFG: {path} is not encoded in UTF-8."
        raise ImproperlyConfigured(message) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Only where: the text around the place may be a secret.
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        message = f"EDX_EXAMS_CFG: {path} is not valid YAML{place}."
        raise ImproperlyConfigured(message) from None
    if not isinstance(loaded, dict) or not all(isinstance(name, str) for name in loaded):
        message = f"EDX_EXAMS_CFG: {path} must be a YAML mapping of setting names to values."
        raise ImproperlyConfigured(message)
    for name in (*MERGED, *UNPACKED):
        if not isinstance(loaded.get(name) or {}, dict):
            message = f"{name} in {path} must be a mapping."
            raise ImproperlyConfigured(message)
    return loaded


def names_in(file: Mapping[str, Any]) -> frozenset[str]:
    """Return the names that the file sets; of merged dictionaries their keys, as `JWT_AUTH.JWT_ISSUER`."""
    keys = {f"{name}.{key}" for name in MERGED for key in file.get(name) or {}}
    return frozenset({*file, *keys})


def apply(file: Mapping[str, Any], settings: dict[str, Any]) -> None:
    """
    Merge three dictionaries, unpack two, and replace everything else.

    :param settings: a settings module's names, which are changed
    """
    for name, value in file.items():
        if name in MERGED:
            settings[name].update(value or {})
        elif name in UNPACKED:
            settings.update(value or {})
        elif name.isupper():
            settings[name] = value
    if isinstance(header := settings.get("SECURE_PROXY_SSL_HEADER"), list):
        settings["SECURE_PROXY_SSL_HEADER"] = tuple(header)  # YAML has no tuples, and Django takes nothing else


def apply_migration_account(environment: Mapping[str, str], settings: dict[str, Any]) -> None:
    """
    Put the account that migrations run under in the place of the service's.

    :param settings: a settings module's names, whose `DATABASES` is changed
    """
    account = {key: environment[name] for name, key in _MIGRATION_ACCOUNT.items() if name in environment}
    databases = settings.get("DATABASES")
    if account and isinstance(databases, dict):
        databases["default"] = {**(databases.get("default") or {}), **account}


def apply_transactions(settings: dict[str, Any]) -> None:
    """
    Turn off transactions around whole requests: each change is a transaction of its own, which must end with it.

    :param settings: a settings module's names, whose `DATABASES` is changed
    """
    databases = settings.get("DATABASES")
    for database in databases.values() if isinstance(databases, dict) else ():
        if isinstance(database, dict) and database.get("ATOMIC_REQUESTS"):
            database["ATOMIC_REQUESTS"] = False


def apply_https(settings: dict[str, Any]) -> None:
    """
    For a `ROOT_URL` of https, keep cookies to https, and add the service's own origin to `CSRF_TRUSTED_ORIGINS`.

    Behind a proxy that ends TLS Django may not know that origin. Cookie settings that the file has stay.

    :param settings: a settings module's names, which are changed
    """
    root_url, trusted = settings.get("ROOT_URL"), settings.get("CSRF_TRUSTED_ORIGINS")
    try:
        parts = urlsplit(root_url) if isinstance(root_url, str) else None
    except ValueError:
        parts = None  # told by a check
    if parts is None or parts.scheme != "https" or not parts.netloc:
        return
    for name in ("CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE"):
        settings.setdefault(name, True)
    origin = f"{parts.scheme}://{parts.netloc}"
    if isinstance(trusted, (list, tuple)) and origin not in trusted:
        settings["CSRF_TRUSTED_ORIGINS"] = [*trusted, origin]
