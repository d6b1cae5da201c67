# SPDX-License-Identifier: AGPL-3.0-only
"""Settings of the service's processes here: the fast tests', with the database and LMS key of the environment."""

import json
import os

from edx_exams.settings.test import *  # noqa: F403
from edx_exams.settings.test import JWT_AUTH as TEST_JWT_AUTH
from edx_exams.settings.test import MIDDLEWARE as SERVICE_MIDDLEWARE
from tests.services.databases import database_settings
from tests.services.names import slow_name

DEBUG = False
#: Learners' clients alone start proctored exams here; that only a tool makes ready is tested where one is at hand.
PROCTORED_START_REQUIRES_TOOL = False
ALLOWED_HOSTS = ["127.0.0.1", ".localhost"]

DATABASES = {"default": database_settings(os.environ)}
JWT_AUTH = {**TEST_JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": os.environ.get("EXAMS_TEST_JWK_SET", "")}

if "EXAMS_TEST_KAFKA" in os.environ:
    EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = os.environ["EXAMS_TEST_KAFKA"]
    EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = os.environ.get("EXAMS_TEST_REGISTRY") or None
    EVENT_BUS_CONSUMER_KAFKA_OPTIONS = json.loads(os.environ.get("EXAMS_TEST_CONSUMER_OPTIONS", "{}"))
    EVENT_BUS_RELAY_KAFKA_OPTIONS = json.loads(os.environ.get("EXAMS_TEST_RELAY_OPTIONS", "{}"))
    EVENT_BUS_TOPIC_PREFIX = os.environ.get("EXAMS_TEST_TOPIC_PREFIX", "")
    if "EXAMS_TEST_KAFKA_LOG_IN" in os.environ:
        EVENT_BUS_KAFKA_API_KEY, EVENT_BUS_KAFKA_API_SECRET = os.environ["EXAMS_TEST_KAFKA_LOG_IN"].split(":")
    if "EXAMS_TEST_REGISTRY_LOG_IN" in os.environ:
        EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY, EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET = os.environ[
            "EXAMS_TEST_REGISTRY_LOG_IN"
        ].split(":")

if "EXAMS_TEST_REDIS" in os.environ:
    EVENT_BUS_REDIS_CONNECTION_URL = os.environ["EXAMS_TEST_REDIS"]
    EVENT_BUS_RELAY_PRODUCER = "redis"
    EVENT_BUS_CONSUMER = "edx_exams.apps.events.redis_consumer.RedisEventConsumer"

if "EXAMS_TEST_SMTP_PORT" in os.environ:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = "127.0.0.1", int(os.environ["EXAMS_TEST_SMTP_PORT"])
    if "EXAMS_TEST_SMTP_LOG_IN" in os.environ:
        EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = os.environ["EXAMS_TEST_SMTP_LOG_IN"].split(":")

if "EXAMS_TEST_LMS" in os.environ:
    LEGACY_EXAMS_ENABLED = True
    LMS_ROOT_URL = os.environ["EXAMS_TEST_LMS"]

if "EXAMS_TEST_LEARNING" in os.environ:
    LEARNING_MICROFRONTEND_URL = os.environ["EXAMS_TEST_LEARNING"]

if "EXAMS_TEST_SLOW_NAME" in os.environ:
    slow_name(os.environ["EXAMS_TEST_SLOW_NAME"])

if "EXAMS_TEST_SSO" in os.environ:
    SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT = os.environ["EXAMS_TEST_SSO"]
    SOCIAL_AUTH_EDX_OAUTH2_SECRET = "sso-secret"
    SOCIAL_AUTH_REDIRECT_IS_HTTPS = False

if "EXAMS_TEST_ROLL_BACK" in os.environ:
    MIDDLEWARE = ["tests.services.rollback.RollBack", *SERVICE_MIDDLEWARE]

# Tracebacks go to the server's log, from where a failing test quotes them.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        # A line for each refused request, a traceback for each bad token: the tests send plenty.
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
        "edx_rest_framework_extensions": {"level": "CRITICAL"},
    },
}
