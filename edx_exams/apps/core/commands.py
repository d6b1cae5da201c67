"""Helpers of management commands."""

import signal
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any, override

from django.core.management.base import BaseCommand


class CommandWithExamples(BaseCommand):
    """A command whose `--help` ends with examples, as they are laid out in `examples`."""

    examples: str

    @override
    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, epilog=self.examples, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )


def on_termination(stop: Callable[[], None]) -> None:
    """
    Call `stop` on SIGTERM and SIGINT, so that the command ends after its current work. To be called in the main thread.

    :param stop: only sets a flag or wakes a thread; it may interrupt any line of the main thread
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
