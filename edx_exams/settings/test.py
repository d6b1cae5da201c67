# SPDX-License-Identifier: AGPL-3.0-only
"""The test suite: SQLite in memory, cheap passwords, e-mail kept in memory."""

from edx_exams.settings import development
from edx_exams.settings.base import *  # noqa: F403
from edx_exams.settings.base import JWT_AUTH, LMS_ROOT_URL, TOKEN_SIGNING

SECRET_KEY = "tests-only"  # noqa: S105
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": development.sqlite(":memory:")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

JWT_AUTH.update(development.jwt_auth(LMS_ROOT_URL))
TOKEN_SIGNING["JWT_PRIVATE_SIGNING_JWK"] = development.PRIVATE_SIGNING_JWK

CORS_ORIGIN_WHITELIST = ["http://localhost:2000", "http://localhost:2020"]
CSRF_TRUSTED_ORIGINS = list(CORS_ORIGIN_WHITELIST)
LTI_API_BASE = "http://testserver"
LTI_TOOL_URL_ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
LEGACY_EXAMS_ENABLED = False
