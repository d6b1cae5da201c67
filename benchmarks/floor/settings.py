# SPDX-License-Identifier: AGPL-3.0-only
"""Settings of the floor: the service's database, its user model, and no middleware at all."""

import os

from tests.services.databases import database_settings

SECRET_KEY = "floor-of-a-benchmark"  # noqa: S105  (it protects nothing)
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True

DATABASES = {"default": database_settings(os.environ)}
INSTALLED_APPS: list[str] = []
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "benchmarks.floor.urls"

REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
