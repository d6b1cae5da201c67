"""Settings of the sandbox LMS: templates, static files and signed cookies; no database."""

from pathlib import Path

from sandbox import keys
from sandbox.site_settings import *  # noqa: F403
from sandbox.site_settings import middleware, secret_key, templates

SECRET_KEY = secret_key(keys.LMS)

ROOT_URLCONF = "sandbox.lms.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "sandbox.lms"]
MIDDLEWARE = middleware("sandbox.lms", "sandbox.lms.middleware.sign_in_required")
TEMPLATES = templates(Path(__file__).parent, "sandbox.lms.views.everywhere")

# Cookies of localhost are shared by all its ports: names of our own keep them apart from the exam service's.
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_NAME = "sandbox_lms_sessionid"
CSRF_COOKIE_NAME = "sandbox_lms_csrftoken"
