# SPDX-License-Identifier: AGPL-3.0-only
from edx_exams.settings.production import *

ROOT_URL = "{% if ENABLE_HTTPS %}https{% else %}http{% endif %}://{{ EDX_EXAMS_HOST }}"
LMS_ROOT_URL = "{% if ENABLE_HTTPS %}https{% else %}http{% endif %}://{{ LMS_HOST }}"
SOCIAL_AUTH_EDX_OAUTH2_KEY = "{{ EDX_EXAMS_OAUTH2_KEY_SSO }}"
BACKEND_SERVICE_EDX_OAUTH2_KEY = "{{ EDX_EXAMS_OAUTH2_KEY }}"

{% if MFE_HOST is defined %}MFE_ORIGIN = "{% if ENABLE_HTTPS %}https{% else %}http{% endif %}://{{ MFE_HOST }}"
LEARNING_MICROFRONTEND_URL = MFE_ORIGIN + "/learning"
EXAMS_DASHBOARD_MFE_URL = MFE_ORIGIN + "/exams-dashboard"
CORS_ORIGIN_WHITELIST = [MFE_ORIGIN]
CSRF_TRUSTED_ORIGINS = [MFE_ORIGIN, ROOT_URL]
{% else %}CSRF_TRUSTED_ORIGINS = [ROOT_URL]
{% endif %}
{% if ENABLE_HTTPS %}# The web proxy ends TLS, and says so.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
{% else %}# Without TLS browsers send no secure cookies.
SESSION_COOKIE_SECURE = False
SOCIAL_AUTH_REDIRECT_IS_HTTPS = False
{% endif %}
{% include "edx-exams/apps/settings/partials/common.py" %}

{{ patch("edx-exams-production-settings") }}
