# SPDX-License-Identifier: AGPL-3.0-only
"""
A MariaDB server of our own, in a directory of its own, on the loopback interface.

Tests get one from the fixture ``mariadb``, people from ``make services.up``.
"""

import getpass
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.services.ports import HOST, free_port, need_free

USER: Final = "exams"
PASSWORD: Final = "exams"

START_SECONDS: Final = 30
STOP_SECONDS: Final = 30

PROGRAMS: Final = ("mariadbd", "mariadb-install-db", "mariadb-admin", "mariadb")
MISSING: Final = "MariaDB is not installed ({}): apt-get install -y mariadb-server libmariadb-dev pkg-config"


class MariaDBMissing(Exception):
    """The server's programs are not on this machine; the message names the packages that bring them."""


class MariaDBFailed(Exception):
    """The server did not start or a statement failed; the message holds what the program said."""


class MariaDB:
    """
    One server: its directory, its port and its life.

    :param directory: where data, socket, log and pid file are; made where missing. A path of less than 100 characters
    :param port: TCP port; by default a free one
    :param options: further options of ``mariadbd``
    """

    def __init__(self, directory: Path, port: int | None = None, options: Sequence[str] = ()) -> None:
        self.directory = directory
        self.port = port or free_port()
        self.options = tuple(options)
        self.socket = directory / "s.sock"
        self.pid_file = directory / "pid"
        self.log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """
        Start the server, on a new data directory the first time, and wait until it answers.

        :raises MariaDBMissing: a program of MariaDB is not installed
        :raises MariaDBFailed: it ended or stayed silent for half a minute
        :raises PortTaken: another program listens on its port
        """
        missing = [program for program in PROGRAMS if _program(program) is None]
        if missing:
            raise MariaDBMissing(MISSING.format(", ".join(missing)))
        need_free("MariaDB", self.port)
        new = not (self.directory / "data").exists()
        self._temporary.mkdir(parents=True, exist_ok=True)
        if new:
            self._install()
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(
                [
                    *self._command("mariadbd"),
                    f"--datadir={self.directory / 'data'}",
                    f"--socket={self.socket}",
                    f"--port={self.port}",
                    f"--bind-address={HOST}",
                    f"--pid-file={self.pid_file}",
                    "--character-set-server=utf8mb4",
                    "--collation-server=utf8mb4_unicode_ci",
                    # Nothing here need outlive a power cut; locks and isolation are the real thing.
                    "--innodb-flush-log-at-trx-commit=0",
                    "--max-connections=200",
                    *self.options,
                ],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise MariaDBFailed(f"mariadbd did not start:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)
        if new:
            self._grant()

    def stop(self) -> None:
        """
        End the server by its pid, as a service manager does, and wait until it has gone. No server: nothing to do.

        :raises MariaDBFailed: it is still there after half a minute
        """
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(STOP_SECONDS)
            self._process = None
            return
        try:
            pid = int(self.pid_file.read_text())
            os.kill(pid, signal.SIGTERM)
        except (FileNotFoundError, ProcessLookupError):
            return
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid_file.exists():  # the server removes it at the end of an orderly shutdown
            if time.monotonic() > deadline:
                raise MariaDBFailed(f"mariadbd (pid {pid}) does not end")
            time.sleep(0.05)

    @property
    def is_running(self) -> bool:
        """Check whether it answers, whoever started it."""
        return self._answers()

    def create_database(self, name: str) -> None:
        """Make an empty database; one of that name is dropped first."""
        self.execute(f"DROP DATABASE IF EXISTS `{name}`; CREATE DATABASE `{name}`")

    def execute(self, sql: str, database: str = "") -> str:
        """
        Run statements as the administrator.

        :param sql: statements, or a whole dump
        :param database: the database to run them in
        :returns: what the command line client prints: one line per row, columns parted by tabs
        :raises MariaDBFailed: a statement failed
        """
        client = [
            *self._command("mariadb", user="root"),
            f"--socket={self.socket}",
            "--batch",
            "--skip-column-names",
            database,
        ]
        done = subprocess.run(client, input=sql, capture_output=True, text=True, encoding="utf-8")
        if done.returncode:
            raise MariaDBFailed(done.stderr)
        return done.stdout

    @property
    def _temporary(self) -> Path:
        return self.directory / "tmp"

    @property
    def _environment(self) -> dict[str, str]:
        """The environment with a directory of its own for temporary tables: a server that starts removes all there."""
        return {**os.environ, "TMPDIR": str(self._temporary)}

    def _install(self) -> None:
        done = subprocess.run(
            [
                *self._command("mariadb-install-db"),
                f"--datadir={self.directory / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            env=self._environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise MariaDBFailed(f"mariadb-install-db failed:\n{done.stdout}{done.stderr}")

    def _grant(self) -> None:
        # A new installation has nameless users that take precedence over '%' for connections from this machine.
        self.execute(
            f"""
            DELETE FROM mysql.global_priv WHERE User = '';
            FLUSH PRIVILEGES;
            CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';
            GRANT ALL ON *.* TO '{USER}'@'%';
            """
        )

    def _answers(self) -> bool:
        ping = [*self._command("mariadb-admin", user="root"), f"--socket={self.socket}", "ping"]
        return subprocess.run(ping, capture_output=True).returncode == 0

    def _command(self, program: str, user: str = "") -> list[str]:
        return [_program(program) or program, "--no-defaults", f"--user={user or getpass.getuser()}"]


def _program(name: str) -> str | None:
    # Debian keeps the server where only root's PATH looks.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
