# SPDX-License-Identifier: AGPL-3.0-only
"""
WSGI entry point. A server runs no system checks by itself, so this does: a misconfigured service does not start.

It ends with exit code 3, at which gunicorn's master ends too instead of starting workers for ever.
"""

import os
from typing import Final

import django

from edx_exams.handler import Handler
from edx_exams.starting import wrong_settings_in_one_line

#: gunicorn's own code of a worker that cannot boot (`Arbiter.WORKER_BOOT_ERROR`).
CANNOT_START: Final = 3

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.production")

with wrong_settings_in_one_line(CANNOT_START):
    django.setup(set_prefix=False)
    from edx_exams.apps.core.checks import run_settings_checks  # needs the apps that are loaded

    run_settings_checks()
    application = Handler()
