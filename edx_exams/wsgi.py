"""WSGI entry point. A server runs no system checks by itself, so this does: a misconfigured service does not start."""

import os
import sys

from django.core.management.base import SystemCheckError
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.production")

application = get_wsgi_application()

from edx_exams.apps.core.checks import require_sound_settings  # noqa: E402  (needs the apps that are loaded above)

try:
    require_sound_settings()
except SystemCheckError as error:
    sys.exit(str(error))
