# SPDX-License-Identifier: AGPL-3.0-only
"""One run of the sandbox: prepare, start all processes, say where to look, end them again."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import sqlite3
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Final

from sandbox.environment import CHECKOUT, BadEnvironment, Environment, this_sandbox
from sandbox.keys import make_missing_keys
from sandbox.lms.people import PEOPLE
from sandbox.processes import Child, Group, spawn

SETTINGS: Final = "sandbox.settings"
LMS_SETTINGS: Final = "sandbox.lms.settings"
TOOL_SETTINGS: Final = "sandbox.tool.settings"
START_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.2
SWEEP_SECONDS: Final = 5


class CannotStart(Exception):
    """The sandbox cannot run here and now; the text is one line that says why and what to do."""


class _Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def run_sandbox() -> int:
    """
    Run the sandbox in the foreground until it is stopped.

    :returns: the exit code: 0 after Ctrl-C or SIGTERM, 1 if it could not start or one of its processes died
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        place = this_sandbox()
        _prepare(place, stop)
        _run(place, stop)
    except (CannotStart, BadEnvironment) as reason:
        _say(f"Cannot start the sandbox: {reason}", error=True)
        return 1
    except _Stopped:
        _say("\nStopped. What you did is kept for the next start.")
    return 0


def children(place: Environment) -> list[Child]:
    """All processes of the sandbox, in the order in which they are started."""
    return [
        Child(
            name="exams",
            command=_module("sandbox.serve", SETTINGS, str(place.exams_port)),
            ready_url=f"{place.exams_url}/health/",
        ),
        Child(
            name="lms",
            command=_module("sandbox.serve", LMS_SETTINGS, str(place.lms_port)),
            ready_url=f"{place.lms_url}/health/",
        ),
        Child(
            name="tool",
            command=_module("sandbox.serve", TOOL_SETTINGS, str(place.tool_port)),
            ready_url=f"{place.tool_url}/health/",
        ),
        Child(name="sweep", command=_manage("submit_timed_out_attempts", "--loop", str(SWEEP_SECONDS))),
        Child(name="relay", command=_manage("relay_events")),
    ]


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _manage(*arguments: str) -> list[str]:
    return _module("django", *arguments, f"--settings={SETTINGS}")


def _prepare(place: Environment, stop: threading.Event) -> None:
    """
    Make what the servers need: free ports, keys, a database that is up to date and has the demo course in it.

    :raises CannotStart: one of them is not to be had
    """
    for variable, port in place.ports.items():
        _need_free_port(variable, port)
    _need_writable(place)
    make_missing_keys(place.keys)
    _step("Preparing the database and the demo courses", _module("sandbox.prepare"), place, stop)


def _need_free_port(variable: str, port: int) -> None:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with contextlib.suppress(OSError), socket.socket(family) as probe:
            # As the servers do: a connection of an earlier run that lingers in TIME_WAIT is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except PermissionError:
                raise CannotStart(f"you may not use port {port}; set {variable} to one above 1023.") from None
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise  # no IPv6 on this computer, for instance
                raise CannotStart(
                    f"port {port} is taken by another program; end that one, or set {variable} to a free port."
                ) from None


def _need_writable(place: Environment) -> None:
    for directory in (place.var, place.keys, place.database.parent):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotStart(f"the directory {directory} cannot be made: {error.strerror}.") from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise CannotStart(f"the directory {directory} is not writable.")
    try:
        with contextlib.closing(sqlite3.connect(place.database, timeout=5)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE sandbox_write_probe (id INTEGER)")
            connection.rollback()
    except sqlite3.Error as error:
        raise CannotStart(f"the database {place.database} is not writable: {error}.") from None


def _step(title: str, command: list[str], place: Environment, stop: threading.Event) -> None:
    """
    Run one command to its end, showing its last line.

    :raises CannotStart: it failed; its whole output has been printed
    """
    _say(f"{title} …")
    with spawn(command, _child_environ(place)) as process:
        output, _ = process.communicate()
    if stop.is_set():
        raise _Stopped
    lines = output.strip().splitlines()
    if process.returncode != 0:
        _say(output.rstrip(), error=True)
        raise CannotStart(f"{title.lower()} failed (exit code {process.returncode}); its output stands above.")
    if lines:
        _say(f"  {lines[-1]}")


def _run(place: Environment, stop: threading.Event) -> None:
    """
    Start the processes and watch over them until we are stopped.

    :raises CannotStart: a process died
    """
    table = children(place)
    with _ended_at_last(Group(_child_environ(place), name_width=max(len(child.name) for child in table))) as group:
        for child in table:
            group.start(child)
        waited = 0.0
        unready = [child for child in table if child.ready_url]
        while not stop.wait(POLL_SECONDS):
            if (death := group.dead()) is not None:
                name, code = death
                raise CannotStart(f"its process {name!r} ended unexpectedly (exit code {code}); the others were ended.")
            if not unready:
                continue
            unready = [child for child in unready if not _answers(child.ready_url or "")]
            waited += POLL_SECONDS
            if not unready:
                _say(_welcome(place))
            elif waited > START_SECONDS:
                names = " and ".join(child.name for child in unready)
                raise CannotStart(f"no answer from {names} within {START_SECONDS:.0f} seconds.")
    raise _Stopped


@contextlib.contextmanager
def _ended_at_last(group: Group) -> Iterator[Group]:
    try:
        yield group
    finally:
        group.end()


def _answers(url: str) -> bool:
    try:
        # An address of this computer, made by us.
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _child_environ(place: Environment) -> dict[str, str]:
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    unset = {"DJANGO_SETTINGS_MODULE"}  # each child is told its own
    return {name: value for name, value in os.environ.items() if name not in unset} | {
        **{variable: str(port) for variable, port in place.ports.items()},
        "SANDBOX_VAR_DIR": str(place.var),
        "EXAMS_SQLITE_PATH": str(place.database),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }


def _welcome(place: Environment) -> str:
    names = max(len(person.name) for person in PEOPLE)
    who = "\n".join(f"      {person.name:<{names}}   {person.role}" for person in PEOPLE)
    rule = "─" * 72
    return f"""
{rule}
  The sandbox is ready.

  Open       {place.lms_url}
             and sign in as one of these, no password needed:

{who}

  Proctor    {place.tool_url}
             once a learner has set the proctored exam up
  API        {place.exams_url}/api-docs/
  Data       {place.var}
  Stop       Ctrl-C
{rule}
"""


def _say(text: str, *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout, flush=True)
