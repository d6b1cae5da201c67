# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py convert_to_utf8mb4`: let old tables hold every character."""

import time
from argparse import ArgumentParser
from typing import Any, Final, override

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from edx_exams.apps.core.collations import convert_to_utf8mb4
from edx_exams.apps.core.commands import CommandWithExamples

_EXAMPLES: Final = """
Each statement rebuilds one table, and holds up whoever writes to it: run it when nobody sits an exam. Rows and sort
order stay as they are. Run again after a failure, it goes on where it ended. Restart the service's processes
afterwards: each remembers which columns hold which characters.

Examples:
  manage.py convert_to_utf8mb4 --dry-run    print the statements
  manage.py convert_to_utf8mb4              print and run them, table by table
"""


class Command(CommandWithExamples):
    """Convert the tables of installed apps to utf8mb4, on MySQL and MariaDB."""

    help = "Converts tables that cannot hold emoji and rare characters to utf8mb4 (MySQL and MariaDB)."
    examples = _EXAMPLES

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="print the statements and run none")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections), help="its alias")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        statements = convert_to_utf8mb4(connection)
        for done, statement in enumerate(statements):
            self.stdout.write(f"{statement};")
            if options["dry_run"]:
                continue
            began = time.monotonic()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
            except DatabaseError as error:
                message = f"{error}. {done} of {len(statements)} tables have been converted; this one is as it was."
                raise CommandError(message) from error
            self.stdout.write(f"  {time.monotonic() - began:.1f} s")
        done_word = "to be converted" if options["dry_run"] else "converted"
        self.stdout.write(f"{len(statements)} tables {done_word}")
