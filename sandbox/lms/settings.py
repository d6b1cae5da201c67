"""Settings of the sandbox LMS: templates, static files and signed cookies; no database."""

import hashlib
from pathlib import Path

from sandbox import keys
from sandbox.environment import this_sandbox

# Nothing to keep secret stands in the code: the secret comes from the key that was made for this sandbox alone.
SECRET_KEY = hashlib.sha256(keys.private_key(this_sandbox().keys, keys.LMS).encode()).hexdigest()

# A person who mistypes an address meets our page, not a technical one; static files are served all the same.
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "sandbox.lms.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "sandbox.lms"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "sandbox.lms.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "sandbox.lms.middleware.sign_in_required",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "sandbox.lms.views.everywhere",
            ]
        },
    }
]

# Cookies of localhost are shared by all its ports: names of our own keep them apart from the exam service's.
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_NAME = "sandbox_lms_sessionid"
CSRF_COOKIE_NAME = "sandbox_lms_csrftoken"

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
