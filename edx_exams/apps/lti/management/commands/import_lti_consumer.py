# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py import_lti_consumer`: take over the tools that were registered with the earlier service."""

from argparse import ArgumentParser
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from edx_exams.apps.lti.lti_consumer_import import NotMigrated, import_registrations


class Command(BaseCommand):
    help = (
        "Copies the LTI 1.3 registrations of lti_consumer's tables, of whatever version, with their ids and keys. What"
        " is here already is left alone, so it may run again. `migrate` does the same. Example: manage.py"
        " import_lti_consumer"
    )

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="alias of the database (default: %(default)s)")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = import_registrations(using=options["database"])
        except NotMigrated as error:
            raise CommandError(str(error)) from None
        for line in (*report.taken, *report.known, *report.skipped):
            self.stdout.write(line)
        total = sum(map(len, report))
        self.stdout.write(
            f"{total:,} registrations: {len(report.taken):,} imported, {len(report.known):,} were here,"
            f" {len(report.skipped):,} not imported"
        )
        if not total:
            self.stdout.write("lti_consumer has left none in this database.")
