# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py submit_timed_out_attempts`: hand in what learners left running."""

import logging
import threading
from argparse import ArgumentParser
from typing import Any, Final, override

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, close_old_connections

from edx_exams.apps.core.api import submit_timed_out_attempts
from edx_exams.apps.core.attempt_events import sweep_finished
from edx_exams.apps.core.checks import run_settings_checks
from edx_exams.apps.core.commands import CommandWithExamples, on_termination
from edx_exams.apps.core.exceptions import ExamBaseException
from edx_exams.apps.core.outages import log_database_error

log = logging.getLogger(__name__)

_EXAMPLES: Final = """
Examples:
  manage.py submit_timed_out_attempts              once, as from cron
  manage.py submit_timed_out_attempts --loop 30    every 30 seconds until SIGTERM
"""


class Command(CommandWithExamples):
    """Submit every attempt whose time is over, as of the moment at which it was."""

    help = "Submits every attempt whose time is over. Several may run at once: they share the work."
    examples = _EXAMPLES

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", type=float, metavar="SECONDS", help="go on, with this pause between two sweeps")
        parser.add_argument(
            "--batch-size",
            type=int,
            default=settings.SWEEP_BATCH_SIZE,
            help="attempts in one transaction (default: %(default)s)",
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch_size"] < 1 or (options["loop"] is not None and options["loop"] <= 0):
            message = "--batch-size and --loop must be above zero."
            raise CommandError(message)
        run_settings_checks()
        if options["loop"] is None:
            self._sweep(options["batch_size"], threading.Event())
        else:
            self._sweep_until_stopped(options["batch_size"], pause=options["loop"])

    def _sweep_until_stopped(self, batch_size: int, *, pause: float) -> None:
        """Sweep again and again; a database that is away is waited for. SIGTERM ends it after the batch in hand."""
        stop = threading.Event()
        on_termination(stop.set)
        while not stop.is_set():
            close_old_connections()
            try:
                self._sweep(batch_size, stop, quiet=True)
            except (DatabaseError, InterfaceError) as error:
                log_database_error(log, error)
            except ExamBaseException as refusal:
                self.stderr.write(f"This sweep failed, the next will try again: {refusal}")
            stop.wait(pause)

    def _sweep(self, batch_size: int, stop: threading.Event, *, quiet: bool = False) -> None:
        """One sweep; its last line is a sum. A quiet one says nothing where it did nothing."""
        total = 0
        for submitted in submit_timed_out_attempts(batch_size=batch_size):
            total += submitted
            if stop.is_set():
                break
        for receiver, response in sweep_finished.send_robust(type(self)):
            if isinstance(response, Exception):
                self.stderr.write(f"{receiver.__name__} failed, the next will try again: {type(response).__name__}")
        if total or not quiet:
            self.stdout.write(f"Timed out attempts submitted: {total:,}")
