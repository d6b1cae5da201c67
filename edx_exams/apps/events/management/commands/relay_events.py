# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py relay_events`: send the pending events of the outbox, and the e-mails that learners are owed."""

from argparse import ArgumentParser
from typing import Any, Final, override

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError

from edx_exams.apps.core.checks import run_settings_checks
from edx_exams.apps.core.commands import CommandWithExamples, on_termination
from edx_exams.apps.core.models import OwedEmailState
from edx_exams.apps.events.models import OutboxState
from edx_exams.apps.events.publishers import publisher_class
from edx_exams.apps.events.publishers.base import Misconfigured
from edx_exams.apps.events.relay import PublisherStuck, Relay

_EXAMPLES: Final = """
Examples:
  manage.py relay_events           until SIGTERM
  manage.py relay_events --once    what is due now, and no more
"""


class Command(CommandWithExamples):
    """Send events to the bus that `EVENT_BUS_RELAY_PRODUCER` names. Start two: one sends, the other is on standby."""

    help = "Sends pending events and e-mails. Of several processes one is active, the others take over when it dies."
    examples = _EXAMPLES

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due, and end")
        parser.add_argument(
            "--batch",
            type=int,
            default=settings.EVENT_BUS_RELAY_BATCH_SIZE,
            metavar="N",
            help="events read from the outbox at once, at most (default: %(default)s)",
        )
        parser.add_argument(
            "--interval",
            type=float,
            default=settings.EVENT_BUS_RELAY_INTERVAL,
            metavar="SECONDS",
            help="time between two polls of the outbox (default: %(default)s)",
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch"] < 1 or options["interval"] <= 0:
            message = "--batch and --interval must be above zero."
            raise CommandError(message)
        run_settings_checks()
        try:
            publisher = publisher_class()()
        except Misconfigured as error:
            raise CommandError(str(error)) from error
        relay = Relay(publisher, batch=options["batch"], interval=options["interval"])
        on_termination(relay.stop)
        try:
            if options["once"]:
                self._send_once(relay)
            else:
                relay.run()
        except PublisherStuck as error:
            raise CommandError(str(error)) from error
        finally:
            publisher.close()

    def _send_once(self, relay: Relay) -> None:
        """Send what is due. The last line is a sum; the exit code is 0 if nothing that was due is left."""
        try:
            had_lease = relay.run_once()
        except (DatabaseError, InterfaceError) as error:
            message = f"The database is unavailable ({type(error).__name__})."
            raise CommandError(message) from error
        if not had_lease:
            message = "Another relay is active and sends what is due."
            raise CommandError(message)
        events, emails = relay.counts, relay.email_counts
        total = (
            f"{events[OutboxState.published]:,} events published, {events[OutboxState.pending]:,} to be tried again, "
            f"{events[OutboxState.failed]:,} failed for good; {emails[OwedEmailState.sent]:,} e-mails sent, "
            f"{emails[OwedEmailState.pending]:,} to be tried again, {emails[OwedEmailState.failed]:,} failed for good"
        )
        if (
            events.total() > events[OutboxState.published]
            or emails[OwedEmailState.pending]
            or emails[OwedEmailState.failed]
        ):
            raise CommandError(total)
        self.stdout.write(total)
