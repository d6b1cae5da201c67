# SPDX-License-Identifier: AGPL-3.0-only
"""The databases that the service runs on in these tests, told to its processes through the environment."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from edx_exams.settings.development import sqlite
from tests.services import mariadb
from tests.services.ports import HOST
from tests.tokens import public_jwk_set

ROOT: Final = Path(__file__).resolve().parents[2]
SETTINGS_MODULE: Final = "tests.services.settings"

Isolation = Literal["read committed", "repeatable read"]

#: The statements that make a migrated database, by whether it is SQLite's.
_TEMPLATES: Final[dict[bool, str]] = {}


def database_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """
    Django's settings of the database that the environment names.

    ``EXAMS_TEST_ENGINE`` is ``mysql`` or ``sqlite``; ``EXAMS_TEST_NAME`` the database or file; for MariaDB
    ``EXAMS_TEST_PORT``, ``EXAMS_TEST_ISOLATION`` and, of databases that a test runner makes, ``EXAMS_TEST_CHARSET`` and
    ``EXAMS_TEST_COLLATION``; for SQLite ``EXAMS_TEST_LOCK_SECONDS``, how long a writer waits
    for another (by default as the service does).
    """
    if environment["EXAMS_TEST_ENGINE"] == "sqlite":
        settings = sqlite(environment["EXAMS_TEST_NAME"])
        if seconds := environment.get("EXAMS_TEST_LOCK_SECONDS"):
            settings["OPTIONS"]["timeout"] = float(seconds)
        return settings
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": environment["EXAMS_TEST_NAME"],
        "USER": mariadb.USER,
        "PASSWORD": mariadb.PASSWORD,
        "HOST": HOST,
        "PORT": environment["EXAMS_TEST_PORT"],
        "OPTIONS": {"charset": "utf8mb4", "isolation_level": environment.get("EXAMS_TEST_ISOLATION", "read committed")},
        # Kept open between requests, as deployments do: a connection that the server closed must not cost a request.
        "CONN_MAX_AGE": 60,
        # Of the database that Django's test runner makes beside it.
        "TEST": {
            "CHARSET": environment.get("EXAMS_TEST_CHARSET", "utf8mb4"),
            "COLLATION": environment.get("EXAMS_TEST_COLLATION", "utf8mb4_unicode_ci"),
        },
    }


@dataclass(frozen=True)
class Database:
    """
    One database of the service.

    :param alias: what it is called in ``django.db.connections`` while :meth:`connected`
    :param environment: what :mod:`tests.services.settings` reads in the service's processes
    """

    alias: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def is_sqlite(self) -> bool:
        return self.environment["EXAMS_TEST_ENGINE"] == "sqlite"

    @property
    def process_environment(self) -> dict[str, str]:
        """Environment for a process of the service on this database, that trusts the tokens of this test run."""
        return {
            **os.environ,
            **self.environment,
            "DJANGO_SETTINGS_MODULE": SETTINGS_MODULE,
            "EXAMS_TEST_JWK_SET": public_jwk_set(),
            "PYTHONPATH": str(ROOT),
        }

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` on this database, in a process of its own, as an operator does. It may fail."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            cwd=ROOT,
            env=self.process_environment,
            capture_output=True,
            text=True,
        )

    def migrate(self) -> str:
        """Migrate and return what the command said."""
        done = self.manage("migrate", "--no-color")
        assert done.returncode == 0, f"migrate failed on {self.alias}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def set_up(self) -> None:
        """Give the empty database the service's tables: by migrations the first time in a run, then by a copy."""
        if (template := _TEMPLATES.get(self.is_sqlite)) is None:
            self.migrate()
            _TEMPLATES[self.is_sqlite] = self._dumped()
        elif self.is_sqlite:
            with closing(sqlite3.connect(self.environment["EXAMS_TEST_NAME"])) as connection:
                connection.executescript(template)
        else:
            self._run_client("mariadb", template)

    def _dumped(self) -> str:
        if self.is_sqlite:
            with closing(sqlite3.connect(self.environment["EXAMS_TEST_NAME"])) as connection:
                return "\n".join(connection.iterdump())
        return self._run_client("mariadb-dump")

    def _run_client(self, program: str, stdin: str = "") -> str:
        command = [program, "--no-defaults", f"--host={HOST}", f"--port={self.environment['EXAMS_TEST_PORT']}"]
        log_in = [f"--user={mariadb.USER}", f"--password={mariadb.PASSWORD}", self.environment["EXAMS_TEST_NAME"]]
        return subprocess.run(
            [*command, *log_in], input=stdin, check=True, capture_output=True, text=True, encoding="utf-8"
        ).stdout

    @contextmanager
    def connected(self) -> Iterator[BaseDatabaseWrapper]:
        """Let this process read the database through Django, as ``using(database.alias)``, outside any transaction."""
        # django-stubs know neither this handler's attributes nor that settings are its own.
        handler: Any = connections
        configured = handler.configure_settings({"default": {}, self.alias: database_settings(self.environment)})
        handler.settings[self.alias] = configured[self.alias]
        try:
            yield connections[self.alias]
        finally:
            connections[self.alias].close()
            del connections[self.alias]
            del handler.settings[self.alias]


def on_mariadb(server: mariadb.MariaDB, name: str, isolation: Isolation = "read committed") -> Database:
    """The database ``name`` of a server, whether it exists yet or not."""
    return Database(
        alias=f"{name}, {isolation}",
        environment={
            "EXAMS_TEST_ENGINE": "mysql",
            "EXAMS_TEST_NAME": name,
            "EXAMS_TEST_PORT": str(server.port),
            "EXAMS_TEST_ISOLATION": isolation,
        },
    )


def on_sqlite(file: Path, lock_seconds: float | None = None) -> Database:
    """
    The database in a file, whether it exists yet or not.

    :param lock_seconds: how long a writer waits for another; by default as the service does
    """
    environment = {"EXAMS_TEST_ENGINE": "sqlite", "EXAMS_TEST_NAME": str(file)}
    if lock_seconds is not None:
        environment["EXAMS_TEST_LOCK_SECONDS"] = str(lock_seconds)
    return Database(alias=file.stem, environment=environment)


def load_sqlite(file: Path, dump: Path) -> None:
    """Make a SQLite file of a dump."""
    with sqlite3.connect(file) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    connection.close()
