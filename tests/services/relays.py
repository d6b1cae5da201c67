# SPDX-License-Identifier: AGPL-3.0-only
"""Relays as an operator runs them: processes of their own, which can be killed."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from edx_exams.apps.events.models import OutboxEvent, OutboxState, RelayLease
from tests.services.databases import ROOT, Database
from tests.services.waiting import PATIENCE_SECONDS, wait_until


class RelayProcess:
    """
    `manage.py relay_events`.

    :param output: file for all that it says; that of several relays shows who said what when
    :param options: further environment
    """

    def __init__(self, database: Database, output: Path, options: Mapping[str, str] | None = None) -> None:
        with output.open("ab") as lines:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "relay_events"],
                cwd=ROOT,
                env={**database.process_environment, **(options or {})},
                stdin=subprocess.DEVNULL,
                stdout=lines,
                stderr=lines,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self._process.terminate()
        return self._process.wait(timeout=PATIENCE_SECONDS)

    def holds_the_lease(self, database: Database) -> bool:
        holder = RelayLease.objects.using(database.alias).values_list("holder", flat=True).first() or ""
        return holder.endswith(f":{self.pid}")


def unsent(database: Database) -> int:
    return OutboxEvent.objects.using(database.alias).exclude(state=OutboxState.published).count()


def printed_ids(output: Path) -> list[tuple[str, str]]:
    """Course and id of each event that the relays' log publisher has printed, in order."""
    lines = output.read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines if line.startswith('{"event"')]
    return [(event["course"], event["id"]) for event in events]


class Fleet:
    """
    So many relays on one outbox as are asked for.

    :param output: file for all that they say
    """

    def __init__(self, database: Database, output: Path, options: Mapping[str, str]) -> None:
        self._database = database
        self._output = output
        self._options = options
        self._relays: list[RelayProcess] = []

    @property
    def active(self) -> RelayProcess | None:
        """The one that has the lease, if it is alive."""
        return next((relay for relay in self._relays if relay.holds_the_lease(self._database)), None)

    def have(self, number: int) -> None:
        """Start or end relays until there are so many, and wait until one is at work."""
        while len(self._relays) > number:
            assert self._relays.pop().end() in {0, -signal.SIGTERM}  # the latter while it is still starting
        while len(self._relays) < number:
            self.add()
        if number:
            wait_until(lambda: self.active is not None, "a relay is at work")

    def add(self) -> None:
        """Start one more."""
        self._relays.append(RelayProcess(self._database, self._output, self._options))

    def kill(self, relay: RelayProcess) -> None:
        """SIGKILL it; there is one less."""
        relay.kill()
        self._relays.remove(relay)

    def kill_all(self) -> None:
        """Let nothing of them stay."""
        for relay in list(self._relays):
            self.kill(relay)
