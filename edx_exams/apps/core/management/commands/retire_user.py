# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py retire_user`: forget a person, as the platform's retirement pipeline asks over the API."""

from argparse import ArgumentParser
from typing import Any, Final, override

from django.core.management.base import CommandError

from edx_exams.apps.core.checks import run_settings_checks
from edx_exams.apps.core.commands import CommandWithExamples
from edx_exams.apps.core.exceptions import ExamBaseException
from edx_exams.apps.core.retirement import retire_user

_EXAMPLES: Final = """
Examples:
  manage.py retire_user jane retired__user_8f3a retired__user_8f3a@retired.invalid
  manage.py retire_user jane retired__user_8f3a retired__user_8f3a@retired.invalid --lms_user_id 4711

Ends with 0 if the person is retired now, also if they were before, and with 1 and a line that says why if not.
"""


class Command(CommandWithExamples):
    help = "Replaces everything that names a person, and switches their account off. Their attempts stay."
    examples = _EXAMPLES

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="the person's username in the LMS until now")
        parser.add_argument("retired_username", help="what stands in its place")
        parser.add_argument("retired_email", help="what stands in place of the e-mail address")
        parser.add_argument(
            "--lms_user_id", type=int, metavar="ID", help="the person's id in the LMS, where it is known"
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        run_settings_checks()
        try:
            retired = retire_user(
                options["username"],
                retired_username=options["retired_username"],
                retired_email=options["retired_email"],
                lms_user_id=options["lms_user_id"],
            )
        except ExamBaseException as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write("1 person retired" if retired else "0 people retired: the retired username stands already")
