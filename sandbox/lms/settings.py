# SPDX-License-Identifier: AGPL-3.0-only
"""Settings of the sandbox LMS: templates, static files and signed cookies; no database."""

from pathlib import Path

from corsheaders.defaults import default_headers

from sandbox import keys
from sandbox.environment import this_sandbox
from sandbox.site_settings import *  # noqa: F403
from sandbox.site_settings import middleware, secret_key, templates

SECRET_KEY = secret_key(keys.LMS)

ROOT_URLCONF = "sandbox.lms.urls"
INSTALLED_APPS = ["corsheaders", "django.contrib.staticfiles", "sandbox.lms"]
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    *middleware("sandbox.lms", "sandbox.lms.middleware.sign_in_required"),
]
TEMPLATES = templates(Path(__file__).parent, "sandbox.lms.views.everywhere")

# A learning interface on an origin of its own logs in, gets content and takes the older system's exams from there.
CORS_ALLOWED_ORIGINS = [this_sandbox().learning_origin]
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = [*default_headers, "use-jwt-cookie"]
CSRF_TRUSTED_ORIGINS = list(CORS_ALLOWED_ORIGINS)

# Cookies of localhost are shared by all its ports: names of our own keep them apart from the exam service's.
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_NAME = "sandbox_lms_sessionid"
CSRF_COOKIE_NAME = "sandbox_lms_csrftoken"
