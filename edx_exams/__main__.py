# SPDX-License-Identifier: AGPL-3.0-only
"""Command line of the installed service, with production's settings unless DJANGO_SETTINGS_MODULE says otherwise."""

import os
import sys

from django.core.management import execute_from_command_line

from edx_exams.starting import wrong_settings_in_one_line


def main() -> None:
    """Run the management command that the arguments name: `edx-exams migrate`, `python -m edx_exams migrate`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.production")
    with wrong_settings_in_one_line(exit_code=1):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
