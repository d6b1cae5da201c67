# SPDX-License-Identifier: AGPL-3.0-only
PLATFORM_NAME = {{ PLATFORM_NAME|tojson }}
# The public name, the LMS's, from which the proxy routes what the instructor dashboard asks, the service's name within the
# platform's network, and that of local health checks.
ALLOWED_HOSTS = ["{{ EDX_EXAMS_HOST }}", "{{ LMS_HOST }}", "edx-exams", "localhost"]

# As browsers, proctoring tools and the LMS's tokens know this service.
LTI_API_BASE = ROOT_URL
TOKEN_SIGNING["JWT_ISSUER"] = ROOT_URL

# The LMS: calls from here take the short way, browsers the public one.
LEGACY_EXAMS_ENABLED = {{ EDX_EXAMS_LEGACY_EXAMS_ENABLED }}
LEGACY_INTERNAL_URL = "http://lms:8000"
SOCIAL_AUTH_EDX_OAUTH2_ISSUER = LMS_ROOT_URL
SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = LEGACY_INTERNAL_URL
SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT = LMS_ROOT_URL
SOCIAL_AUTH_EDX_OAUTH2_LOGOUT_URL = LMS_ROOT_URL + "/logout"

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = "{{ SMTP_HOST }}"
EMAIL_PORT = {{ SMTP_PORT }}
EMAIL_HOST_USER = {{ SMTP_USERNAME|tojson }}
EMAIL_USE_TLS = {{ SMTP_USE_TLS }}
EMAIL_USE_SSL = {{ SMTP_USE_SSL }}
DEFAULT_FROM_EMAIL = "{{ CONTACT_EMAIL }}"

# Codes of languages that the platform writes differently from Django.
LANGUAGE_CODE = {"zh-cn": "zh-hans", "zh-hk": "zh-hant", "zh-tw": "zh-hant"}.get(
    "{{ LANGUAGE_CODE }}", "{{ LANGUAGE_CODE }}"
)

{{ patch("edx-exams-common-settings") }}
