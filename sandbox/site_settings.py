# SPDX-License-Identifier: AGPL-3.0-only
"""Settings that the sandbox's own sites share: small Django projects without models."""

import hashlib
from pathlib import Path
from typing import Any

from sandbox import keys
from sandbox.environment import this_sandbox


def secret_key(name: str) -> str:
    """Nothing to keep secret stands in the code: the secret comes from the key that was made for this sandbox alone."""
    return hashlib.sha256(keys.private_key(this_sandbox().keys, name).encode()).hexdigest()


def templates(site: Path, *context_processors: str) -> list[dict[str, Any]]:
    """
    Settings of a site's templates, and the skeleton of all sites' pages.

    :param site: the site's directory
    """
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [site / "templates", Path(__file__).parent / "templates"],
            "OPTIONS": {"context_processors": ["django.template.context_processors.request", *context_processors]},
        }
    ]


def middleware(site: str, *after_sessions: str) -> list[str]:
    """
    The middleware of a site.

    :param site: the site's package, whose `middleware` has its content security policy
    """
    return [
        "django.middleware.security.SecurityMiddleware",
        f"{site}.middleware.content_security_policy",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        *after_sessions,
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]


# A person who mistypes an address meets our page, not a technical one; static files are served all the same.
DEBUG = False

# As web servers do that serve the real pages: who is sent elsewhere tells where they come from, without the path.
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
STATIC_URL = "/static/"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    # Of the many requests only those that failed are logged.
    "loggers": {"django.server": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
