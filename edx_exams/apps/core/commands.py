# SPDX-License-Identifier: AGPL-3.0-only
"""Helpers of management commands."""

import signal
import time
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any, Final, override

from django.core.management.base import BaseCommand, OutputWrapper


class CommandWithExamples(BaseCommand):
    """A command whose `--help` ends with examples, as they are laid out in `examples`."""

    examples: str

    @override
    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, epilog=self.examples, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )


class Progress:
    """
    Tells how far a long command is: a line that is overwritten on a terminal, a line a minute in a log.

    :param unit: what is counted, in the plural
    """

    SECONDS_BETWEEN_LINES: Final = 60.0
    _SECONDS_BETWEEN_UPDATES: Final = 0.2

    def __init__(self, stream: OutputWrapper, unit: str) -> None:
        self._stream = stream
        self._unit = unit
        self._is_terminal = stream.isatty()
        self._told = time.monotonic()

    def tell(self, done: int) -> None:
        """Tell the number done so far, if it is time to."""
        pause = self._SECONDS_BETWEEN_UPDATES if self._is_terminal else self.SECONDS_BETWEEN_LINES
        if time.monotonic() - self._told >= pause:
            self._told = time.monotonic()
            self._stream.write(
                f"\r{done:,} {self._unit}" if self._is_terminal else f"{done:,} {self._unit} so far",
                ending="" if self._is_terminal else None,
            )

    def end(self) -> None:
        """Leave the line that was overwritten."""
        if self._is_terminal:
            self._stream.write("\r" + " " * 40 + "\r", ending="")


def on_termination(stop: Callable[[], None]) -> None:
    """
    Call `stop` on SIGTERM and SIGINT, so that the command ends after its current work. To be called in the main thread.

    :param stop: only sets a flag or wakes a thread; it may interrupt any line of the main thread
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
