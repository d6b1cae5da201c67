# SPDX-License-Identifier: AGPL-3.0-only
from edx_exams.settings.production import *

# `tutor dev` is for developers: the service need not refuse this.
DEBUG = True
SILENCED_SYSTEM_CHECKS = ["edx_exams.E013"]
ROOT_URL = "http://{{ EDX_EXAMS_HOST }}:18740"
LMS_ROOT_URL = "http://{{ LMS_HOST }}:8000"
SOCIAL_AUTH_EDX_OAUTH2_KEY = "{{ EDX_EXAMS_OAUTH2_KEY_SSO_DEV }}"
BACKEND_SERVICE_EDX_OAUTH2_KEY = "{{ EDX_EXAMS_OAUTH2_KEY_DEV }}"
SESSION_COOKIE_SECURE = False
SOCIAL_AUTH_REDIRECT_IS_HTTPS = False

{% if MFE_HOST is defined %}MFE_ORIGIN = "http://{{ MFE_HOST }}"
LEARNING_MICROFRONTEND_URL = MFE_ORIGIN + ":{{ get_mfe("learning")["port"] if get_mfe("learning") else 2000 }}/learning"
EXAMS_DASHBOARD_MFE_URL = MFE_ORIGIN + ":2020/exams-dashboard"
CORS_ORIGIN_WHITELIST = [{% for _, app in iter_mfes() %}
    MFE_ORIGIN + ":{{ app["port"] }}",{% endfor %}
]
CSRF_TRUSTED_ORIGINS = [*CORS_ORIGIN_WHITELIST, ROOT_URL]
{% else %}CSRF_TRUSTED_ORIGINS = [ROOT_URL]
{% endif %}
{% include "edx-exams/apps/settings/partials/common.py" %}

{{ patch("edx-exams-development-settings") }}
