# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py bulk_add_course_staff`: members of course teams from a CSV file."""

import sys
import threading
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import batched
from pathlib import Path
from typing import Any, Final, override

from django.core.management.base import CommandError

from edx_exams.apps.core.checks import run_settings_checks
from edx_exams.apps.core.commands import CommandWithExamples, Progress, on_termination
from edx_exams.apps.core.course_staff_list import (
    BadRow,
    RowOutcome,
    RowResult,
    StaffRow,
    add_course_staff,
    read_staff_list,
)
from edx_exams.apps.core.exceptions import UnreadableList

_EXAMPLES: Final = """
The file is UTF-8 and begins with a line that names its columns, in any order:

  username,email,role,course_id
  jane,jane@example.com,staff,course-v1:Acme+BIO101+2026

Examples:
  manage.py bulk_add_course_staff -p staff.csv --dry-run        tell what would be done
  manage.py bulk_add_course_staff -p staff.csv                  do it
  manage.py bulk_add_course_staff -p staff.csv --batch_delay 0  do it without a pause between batches

Whoever is unknown is made known. A role that somebody has already is passed over, so that the same file may be read
twice. Bad rows are reported with their line and do not stop the others; the exit code is then 1.
"""
#: Lines that the last line names.
_LINES_NAMED: Final = 20


class Command(CommandWithExamples):
    help = "Gives people roles in the teams of courses, as a CSV file says."
    examples = _EXAMPLES

    @override
    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a program, whose exit code tells of refused rows. `call_command` raises nothing for them."""
        self.counts: Counter[RowOutcome] = Counter()
        super().run_from_argv(argv)
        if self.counts[RowOutcome.REFUSED]:
            sys.exit(1)

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("-p", "--csv_path", required=True, type=Path, metavar="FILE", help="the CSV file")
        parser.add_argument(
            "--batch_size", type=int, default=200, metavar="N", help="rows in one transaction (default: %(default)s)"
        )
        parser.add_argument(
            "--batch_delay",
            type=float,
            default=1.0,
            metavar="SECONDS",
            help="pause between two batches, for others who use the database (default: %(default)s)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch_size"] < 1 or options["batch_delay"] < 0:
            message = "--batch_size must be above zero, --batch_delay not below."
            raise CommandError(message)
        run_settings_checks()
        self.counts = Counter()
        stop = threading.Event()
        on_termination(stop.set)
        progress = Progress(self.stdout, "rows")
        refused: list[int] = []
        try:
            for results in self._results(options, stop):
                for result in results:
                    self._report(result, progress)
                    self.counts[result.outcome] += 1
                    if result.outcome is RowOutcome.REFUSED:
                        refused.append(result.line)
                progress.tell(self.counts.total())
        except UnreadableList as error:
            raise CommandError(str(error)) from None
        finally:
            progress.end()
        self.stdout.write(self._sum(refused, pretend=options["dry_run"]))
        if stop.is_set():
            message = "Ended early: run it again to do the rest."
            raise CommandError(message)

    def _results(self, options: dict[str, Any], stop: threading.Event) -> Iterator[list[RowResult]]:
        """Work batch by batch, with a pause in between, until the end or SIGTERM."""
        for number, batch in enumerate(batched(read_staff_list(Path(options["csv_path"])), options["batch_size"])):
            if number and not options["dry_run"]:
                stop.wait(options["batch_delay"])
            if stop.is_set():
                return
            yield _done(batch, pretend=options["dry_run"])

    def _report(self, result: RowResult, progress: Progress) -> None:
        if result.note:
            progress.end()
            refused = "refused: " if result.outcome is RowOutcome.REFUSED else "the person "
            self.stderr.write(f"Line {result.line}: {refused}{result.note}")

    def _sum(self, refused: Sequence[int], *, pretend: bool) -> str:
        """Return the last line: how many rows came to what."""
        counts = self.counts
        total = (
            f"{counts.total():,} rows: {counts[RowOutcome.ADDED]:,} {'would be ' if pretend else ''}added, "
            f"{counts[RowOutcome.EXISTED]:,} existed, {counts[RowOutcome.REFUSED]:,} refused"
        )
        if not refused:
            return total
        more = f" and {len(refused) - _LINES_NAMED:,} more" if len(refused) > _LINES_NAMED else ""
        return f"{total} (lines {', '.join(map(str, refused[:_LINES_NAMED]))}{more})"


def _done(batch: Sequence[StaffRow | BadRow], *, pretend: bool) -> list[RowResult]:
    good = [row for row in batch if isinstance(row, StaffRow)]
    bad = [RowResult(row.line, RowOutcome.REFUSED, row.reason) for row in batch if isinstance(row, BadRow)]
    return sorted([*bad, *(add_course_staff(good, pretend=pretend) if good else [])])
