"""Settings of the proctoring tool: templates, static files, and sessions in files; no models."""

import hashlib
from pathlib import Path

from sandbox import keys
from sandbox.environment import this_sandbox

_place = this_sandbox()

_place.tool_files.mkdir(parents=True, exist_ok=True)

# Nothing to keep secret stands in the code: the secret comes from the key that was made for this sandbox alone.
SECRET_KEY = hashlib.sha256(keys.private_key(_place.keys, keys.TOOL).encode()).hexdigest()

DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "sandbox.tool.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "django.contrib.messages", "sandbox.tool"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "sandbox.tool.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Cookies of localhost are shared by all its ports: names of our own keep them apart from the other servers'.
SESSION_ENGINE = "django.contrib.sessions.backends.file"
SESSION_FILE_PATH = str(_place.tool_files)
SESSION_COOKIE_NAME = "sandbox_tool_sessionid"
CSRF_COOKIE_NAME = "sandbox_tool_csrftoken"

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
