#!/usr/bin/env python
# SPDX-License-Identifier: AGPL-3.0-only
"""Django's command line for this service, with the local settings unless DJANGO_SETTINGS_MODULE says otherwise."""

import os
import sys

from django.core.management import execute_from_command_line

from edx_exams.starting import wrong_settings_in_one_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.local")
    with wrong_settings_in_one_line(exit_code=1):
        execute_from_command_line(sys.argv)
