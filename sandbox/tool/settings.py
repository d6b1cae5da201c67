# SPDX-License-Identifier: AGPL-3.0-only
"""Settings of the proctoring tool: templates, static files, and sessions in files; no models."""

from pathlib import Path

from sandbox import keys
from sandbox.environment import this_sandbox
from sandbox.site_settings import *  # noqa: F403
from sandbox.site_settings import middleware, secret_key, templates

_place = this_sandbox()

_place.tool_files.mkdir(parents=True, exist_ok=True)

SECRET_KEY = secret_key(keys.TOOL)

ROOT_URLCONF = "sandbox.tool.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "django.contrib.messages", "sandbox.tool"]
MIDDLEWARE = middleware("sandbox.tool", "django.contrib.messages.middleware.MessageMiddleware")
TEMPLATES = templates(Path(__file__).parent, "django.contrib.messages.context_processors.messages")
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Cookies of localhost are shared by all its ports: names of our own keep them apart from the other servers'.
SESSION_ENGINE = "django.contrib.sessions.backends.file"
SESSION_FILE_PATH = str(_place.tool_files)
SESSION_COOKIE_NAME = "sandbox_tool_sessionid"
CSRF_COOKIE_NAME = "sandbox_tool_csrftoken"
