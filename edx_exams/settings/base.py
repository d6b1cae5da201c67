# SPDX-License-Identifier: AGPL-3.0-only
"""Settings that every environment shares. Each setting of ours is explained in docs/reference/settings.rst."""

import os
from pathlib import Path
from typing import Any

from corsheaders.defaults import default_headers
from django.conf import global_settings

from edx_exams.logs import logging_configuration
from edx_exams.settings import development
from edx_exams.settings.languages import available_languages, bidirectional

PROJECT_ROOT = Path(__file__).resolve().parent.parent

#: What stands where a deployment must put a secret of its own; a system check refuses it in production.
PLACEHOLDER_SECRET = "replace-me"  # noqa: S105  (that it is no secret is the point)
#: Placeholders and published values of secrets and keys keep the service from starting.
REFUSE_PLACEHOLDER_SECRETS = False
#: Secrets, and moduli of RSA keys, that anybody can read in a public repository.
PUBLISHED_SECRETS = development.PUBLISHED_SECRETS
PUBLISHED_KEY_MODULI = development.PUBLISHED_KEY_MODULI
#: The file that production was configured from, and the names that it sets, such as `JWT_AUTH.JWT_ISSUER`.
CONFIGURATION_FILE: str | None = None
NAMES_IN_CONFIGURATION_FILE: frozenset[str] = frozenset()

SECRET_KEY = os.environ.get("EDX_EXAMS_SECRET_KEY", PLACEHOLDER_SECRET)
DEBUG = False
ALLOWED_HOSTS: list[str] = []

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "csrf.apps.CsrfAppConfig",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "simple_history",
    "social_django",
    "waffle",
    "edx_exams.apps.core",
    "edx_exams.apps.events",
    "edx_exams.apps.api",
    "edx_exams.apps.lti",
    "edx_exams.apps.router",
    "edx_exams.apps.instructor",
    "openedx_events",
]

MIDDLEWARE = [
    "edx_exams.monitoring.LogRequests",
    "edx_exams.monitoring.CountResponses",
    "edx_exams.middleware.NoStore",
    "edx_django_utils.cache.middleware.RequestCacheMiddleware",
    # Report to the back-ends of OPENEDX_TELEMETRY.
    "edx_django_utils.monitoring.DeploymentMonitoringMiddleware",
    "edx_django_utils.monitoring.CachedCustomMonitoringMiddleware",
    "edx_django_utils.monitoring.CookieMonitoringMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "edx_exams.middleware.RequestLimits",
    "edx_exams.apps.lti.middleware.ToolPageHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "edx_exams.middleware.SessionMiddleware",
    "edx_exams.middleware.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "edx_exams.middleware.CsrfViewMiddleware",
    "edx_exams.middleware.AuthenticationMiddleware",
    "edx_exams.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "social_django.middleware.SocialAuthExceptionMiddleware",
    "crum.CurrentRequestUserMiddleware",
    "edx_rest_framework_extensions.auth.jwt.middleware.EnsureJWTAuthSettingsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "edx_exams.middleware.RefuseUnstorableText",
    "edx_exams.middleware.RefuseUnknownSelection",
]

ROOT_URLCONF = "edx_exams.urls"
WSGI_APPLICATION = "edx_exams.wsgi.application"
APPEND_SLASH = False  # every path of ours is served with and without one

DATABASES: dict[str, dict[str, Any]] = {"default": {}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
#: Seconds that a MySQL or MariaDB transaction waits for another's row lock before it is run again.
LOCK_WAIT_TIMEOUT = 5

CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT_ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LANGUAGE_CODE = "en-us"
LOCALE_PATHS = [PROJECT_ROOT / "conf" / "locale"]
#: English, and each language of which there are compiled translations.
LANGUAGES = available_languages(LOCALE_PATHS[0])
LANGUAGES_BIDI = bidirectional(global_settings.LANGUAGES_BIDI)
LANGUAGE_COOKIE_NAME = "edx_exams_language"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_ROOT = str(PROJECT_ROOT / "assets")
STATIC_URL = "/static/"
STATICFILES_DIRS = [PROJECT_ROOT / "static"]
MEDIA_ROOT = str(PROJECT_ROOT / "media")
MEDIA_URL = "/media/"

# Cookies: nothing cross-site needs the session; launches of proctoring tools have a cookie of their own.
SESSION_COOKIE_NAME = "edx_exams_sessionid"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "edx_exams_csrftoken"
CSRF_TRUSTED_ORIGINS: list[str] = []

CORS_ALLOW_CREDENTIALS = True
CORS_ORIGIN_WHITELIST: list[str] = []
CORS_ALLOW_HEADERS = (*default_headers, "use-jwt-cookie")

# Who one is
AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ("auth_backends.backends.EdXOAuth2", "django.contrib.auth.backends.ModelBackend")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/admin/"
EXTRA_SCOPE = ["permissions"]
ENABLE_AUTO_AUTH = False
AUTO_AUTH_USERNAME_PREFIX = "auto_auth_"

SOCIAL_AUTH_STRATEGY = "auth_backends.strategies.EdxDjangoStrategy"
#: Who signs in is found by LMS user id (`core.people`), not by a stored association with a username.
SOCIAL_AUTH_PIPELINE = (
    "social_core.pipeline.social_auth.social_details",
    "social_core.pipeline.social_auth.social_uid",
    "social_core.pipeline.social_auth.auth_allowed",
    "edx_exams.apps.api.sso_pipeline.find_person",
    "social_core.pipeline.social_auth.associate_user",
    "social_core.pipeline.social_auth.load_extra_data",
)
SOCIAL_AUTH_EDX_OAUTH2_KEY = os.environ.get("SOCIAL_AUTH_EDX_OAUTH2_KEY", "edx_exams-sso-key")
SOCIAL_AUTH_EDX_OAUTH2_SECRET = os.environ.get("SOCIAL_AUTH_EDX_OAUTH2_SECRET", PLACEHOLDER_SECRET)
SOCIAL_AUTH_EDX_OAUTH2_ISSUER = os.environ.get("SOCIAL_AUTH_EDX_OAUTH2_ISSUER", PLACEHOLDER_SECRET)
SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = os.environ.get("SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT", PLACEHOLDER_SECRET)
SOCIAL_AUTH_EDX_OAUTH2_LOGOUT_URL = os.environ.get("SOCIAL_AUTH_EDX_OAUTH2_LOGOUT_URL", PLACEHOLDER_SECRET)
SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT = os.environ.get("SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT", PLACEHOLDER_SECRET)
#: Who cannot be signed in reads why on our front page, in place of an error of the server's.
SOCIAL_AUTH_RAISE_EXCEPTIONS = False
SOCIAL_AUTH_LOGIN_ERROR_URL = "/"

#: The account with which we call the LMS.
BACKEND_SERVICE_EDX_OAUTH2_KEY = os.environ.get("BACKEND_SERVICE_EDX_OAUTH2_KEY", "edx_exams-backend-service-key")
BACKEND_SERVICE_EDX_OAUTH2_SECRET = os.environ.get("BACKEND_SERVICE_EDX_OAUTH2_SECRET", PLACEHOLDER_SECRET)

# The LMS's JWTs, which callers authenticate with
JWT_AUTH: dict[str, Any] = {
    "JWT_AUTH_HEADER_PREFIX": "JWT",
    "JWT_ISSUER": PLACEHOLDER_SECRET,
    "JWT_AUDIENCE": None,
    "JWT_ALGORITHM": "HS256",
    "JWT_VERIFY_EXPIRATION": True,
    "JWT_PAYLOAD_GET_USERNAME_HANDLER": lambda payload: payload.get("preferred_username"),
    "JWT_LEEWAY": 1,
    "JWT_DECODE_HANDLER": "edx_exams.apps.api.tokens.decode",
    "JWT_PUBLIC_SIGNING_JWK_SET": None,
    "JWT_AUTH_COOKIE": "edx-jwt-cookie",
    "JWT_AUTH_COOKIE_HEADER_PAYLOAD": "edx-jwt-cookie-header-payload",
    "JWT_AUTH_COOKIE_SIGNATURE": "edx-jwt-cookie-signature",
}
EDX_DRF_EXTENSIONS: dict[str, Any] = {
    "JWT_PAYLOAD_USER_ATTRIBUTE_MAPPING": {
        "administrator": "is_staff",
        "email": "email",
        "full_name": "full_name",
        "name": "full_name",
        "user_id": "lms_user_id",
    },
    # In a browser the session of a proctoring launch may be another user's than the JWT's.
    "ENABLE_SET_REQUEST_USER_FOR_JWT_COOKIE": False,
}

#: The exam access tokens that we sign and the LMS checks. `JWT_PRIVATE_SIGNING_JWK` is JSON text.
TOKEN_SIGNING: dict[str, Any] = {
    "JWT_ISSUER": "http://127.0.0.1:18740",
    "JWT_SIGNING_ALGORITHM": "RS512",
    "JWT_SUPPORTED_VERSION": "1.2.0",
    "JWT_PRIVATE_SIGNING_JWK": PLACEHOLDER_SECRET,
}

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["edx_exams.apps.api.authentication.JwtAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["edx_exams.apps.api.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["edx_exams.apps.api.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "edx_exams.apps.api.negotiation.JSONAlways",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "edx_exams.apps.api.exceptions.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Special exams",
    "DESCRIPTION": "Timed, proctored and practice exams of Open edX courses: configuration, attempts, access, review.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": r"/api/v1/",
    "PREPROCESSING_HOOKS": ["edx_exams.apps.api.schema.only_ours"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "edx_exams.apps.api.schema.describe_refusals",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # A link within each operation's button would be out of reach for readers of the screen.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
    "ENUM_NAME_OVERRIDES": {
        "AllowanceType": "edx_exams.apps.core.allowance_types.ALLOWANCE_TYPE_CHOICES",
        "ExamType": "edx_exams.apps.core.exam_types.EXAM_TYPE_CHOICES",
        "AttemptStatus": "edx_exams.apps.core.statuses.ExamAttemptStatus",
    },
}

#: Bytes; a longer request body is answered with 413.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
#: No part of a form is written to disk.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]

# Where things are
PLATFORM_NAME = "Your Platform Name Here"
LMS_ROOT_URL = "http://localhost:18000"
ROOT_URL = "http://localhost:18740"
LEARNING_MICROFRONTEND_URL = "http://localhost:2000"
EXAMS_DASHBOARD_MFE_URL = "http://localhost:2020"

# The older exam system in the LMS (edx-proctoring)
#: Whether courses without a provider here are looked for there.
LEGACY_EXAMS_ENABLED = True
#: The LMS's address for calls of ours, where it is another than `LMS_ROOT_URL`: behind a proxy that routes some of the
#: LMS's paths here, its internal one.
LEGACY_INTERNAL_URL: str | None = None
#: Asked for a learner's active attempt in another exam system: function (user) -> dictionary or None.
ACTIVE_ATTEMPT_ELSEWHERE: str | None = "edx_exams.apps.router.latest.active_attempt"
#: Seconds that it is given to accept a connection, to answer, and in sum for a whole call.
LEGACY_CONNECT_TIMEOUT = 2
LEGACY_READ_TIMEOUT = 5
#: Seconds for the answer to a PATCH, by which the LMS registers all exams of a course.
LEGACY_WRITE_TIMEOUT = 30
#: Seconds for which learners' polls leave it alone after it has failed.
LEGACY_PAUSE_AFTER_FAILURE = 30

# The platform's instructor dashboard, whose requests the site's proxy routes here from the LMS's host
#: Called with a request and a course id: another service's answer for a course that is not ours, else None.
INSTRUCTOR_API_FORWARDER: str | None = "edx_exams.apps.router.forwarding.forward"
#: The LMS's CSRF cookie, which browsers show there.
INSTRUCTOR_API_CSRF_COOKIE = "csrftoken"
#: Whether the proxy routes the LMS's page of the review dashboard here too.
INSTRUCTOR_API_REVIEW_DASHBOARD = False

# LTI: proctoring tools
#: How tools and browsers reach this service, and who its messages are from. Without it: `LTI_BASE`, `LMS_ROOT_URL`.
LTI_API_BASE: str | None = None
LTI_BASE: str | None = None
#: Where `/browser_lock/` sends learners for the proctoring extension; empty: the page names the provider's steps.
LTI_BROWSER_EXTENSION_URL = "https://getproctorio.com"
#: Accepted and not read, as in the earlier service.
LTI_CUSTOM_URL_CLAIM: str | None = None
#: Fernet keys for the platform's private keys: the first encrypts, all decrypt. Empty: one derived from `SECRET_KEY`.
LTI_KEY_ENCRYPTION_KEYS: list[str] = []
#: Hosts of tools' key sets that may be private addresses, and may be asked without TLS.
LTI_TOOL_URL_ALLOWED_HOSTS: list[str] = []
#: Whether a tool's request for an access token must carry an id (`jti`) that protects against replay.
LTI_REQUIRE_JTI = True
#: Whether a proctored exam of a course with a provider can be started only once its tool has made the attempt ready.
PROCTORED_START_REQUIRES_TOOL = True
#: Says which tool proctors an exam: function (exam) -> tool or None.
PROCTORING_TOOL_OF_EXAM: str | None = "edx_exams.apps.lti.models.tool_of_exam"
#: Minutes after which a pause ends by itself, with the attempt submitted.
LTI_MAX_PAUSE_MINUTES = 240
#: Whether time spent paused may move an attempt's end past the exam's due date.
LTI_PAUSE_EXTENDS_DUE_DATE = False

#: The LMS's service user who may retire people here; no other staff may.
RETIREMENT_SERVICE_WORKER_USERNAME = "retirement_service_worker"

# E-mail
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = "no-reply@example.com"
#: Connections to the mail server over which the relay's process sends e-mails at the same time.
EMAIL_SENDER_THREADS = 4

# Attempts whose time is over
#: Attempts that the sweep submits in one transaction.
SWEEP_BATCH_SIZE = 100

# Events
EXAM_ATTEMPT_EVENTS_KAFKA_TOPIC_NAME = "learning-exam-attempt-lifecycle"
EVENT_BUS_PRODUCER = "edx_exams.apps.events.producer.OutboxProducer"
#: The relay's publisher: `kafka`, `redis`, `log` or a dotted name; None is Kafka where it is configured, else `log`.
EVENT_BUS_RELAY_PRODUCER: str | None = None
#: Events that the relay reads from the outbox at once, at most.
EVENT_BUS_RELAY_BATCH_SIZE = 500
#: Seconds between two polls of the outbox.
EVENT_BUS_RELAY_INTERVAL = 0.5
#: Options of librdkafka for the relay's producer.
EVENT_BUS_RELAY_KAFKA_OPTIONS: dict[str, Any] = {}
#: Days for which events are kept after the bus has them.
EVENT_OUTBOX_RETENTION_DAYS = 30
EVENT_BUS_CONSUMER = "edx_exams.apps.events.consumer.KafkaEventConsumer"
#: Options of Kafka's client for the consumer, beside those that edx-event-bus-kafka's settings make.
EVENT_BUS_CONSUMER_KAFKA_OPTIONS: dict[str, Any] = {}
#: Seconds that the schema registry is given to accept a connection, and then to answer.
EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT = 5
EVENT_BUS_TOPIC_PREFIX = ""
EVENT_BUS_PRODUCER_CONFIG: dict[str, dict[str, dict[str, Any]]] = {
    f"org.openedx.learning.exam.attempt.{outcome}.v1": {
        "learning-exam-attempt-lifecycle": {"event_key_field": "exam_attempt.course_key", "enabled": True}
    }
    for outcome in ("submitted", "verified", "rejected", "errored", "reset")
}

# History
SIMPLE_HISTORY_DATE_INDEX = False

# Monitoring: a list of back-ends of edx-django-utils (New Relic, Datadog, OpenTelemetry); none is installed by us.
OPENEDX_TELEMETRY: list[str] = []

#: `/metrics` for Prometheus.
METRICS_ENABLED = False

# Logs
#: Log a line for each request.
LOG_REQUESTS = False
#: `openedx` (the ecosystem's line) or `json`.
LOGGING_FORMAT = "openedx"
LOGGING = logging_configuration(LOGGING_FORMAT)
