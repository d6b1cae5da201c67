# SPDX-License-Identifier: AGPL-3.0-only
"""A developer's machine: SQLite, an LMS on localhost:18000. An untracked `private.py` beside it has the last word."""

import os
from pathlib import Path

from edx_exams.settings import development
from edx_exams.settings.base import *  # noqa: F403
from edx_exams.settings.base import JWT_AUTH, LMS_ROOT_URL, PROJECT_ROOT, ROOT_URL, TOKEN_SIGNING

DEBUG = True
ALLOWED_HOSTS = ["*"]
SECRET_KEY = os.environ.get("EDX_EXAMS_SECRET_KEY", development.SECRET_KEY)

SQLITE_PATH = Path(os.environ.get("EXAMS_SQLITE_PATH", PROJECT_ROOT.parent / "var" / "edx_exams.sqlite3"))
DATABASES = {"default": development.sqlite(SQLITE_PATH)}

EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

CORS_ORIGIN_WHITELIST = [
    "http://localhost:2000",  # learning
    "http://localhost:2001",  # course authoring
    "http://localhost:2020",  # exams dashboard
]
CSRF_TRUSTED_ORIGINS = list(CORS_ORIGIN_WHITELIST)

JWT_AUTH.update(development.jwt_auth(LMS_ROOT_URL))
TOKEN_SIGNING["JWT_PRIVATE_SIGNING_JWK"] = development.PRIVATE_SIGNING_JWK

SOCIAL_AUTH_EDX_OAUTH2_SECRET = development.SSO_SECRET
SOCIAL_AUTH_EDX_OAUTH2_ISSUER = LMS_ROOT_URL
SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = LMS_ROOT_URL
SOCIAL_AUTH_EDX_OAUTH2_LOGOUT_URL = f"{LMS_ROOT_URL}/logout"
SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT = LMS_ROOT_URL
SOCIAL_AUTH_REDIRECT_IS_HTTPS = False
BACKEND_SERVICE_EDX_OAUTH2_SECRET = development.BACKEND_SERVICE_SECRET

# A proctoring tool on the same machine reaches the service itself, and publishes its keys without TLS.
LTI_API_BASE = ROOT_URL
LTI_TOOL_URL_ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

EVENT_BUS_TOPIC_PREFIX = "dev"
ENABLE_AUTO_AUTH = True

if (Path(__file__).parent / "private.py").is_file():
    from edx_exams.settings.private import *  # type: ignore[import-not-found]  # noqa: F403
