# SPDX-License-Identifier: AGPL-3.0-only
"""Servers for these tests, and the table of what was seen."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.services.bus import Bus
from tests.services.databases import Database, on_mariadb
from tests.services.faults import FAULTS, Faults
from tests.services.java import JavaFailed, JavaMissing
from tests.services.kafka import Kafka
from tests.services.mariadb import MariaDB, MariaDBMissing
from tests.services.registry import Registry
from tests.services.server import Service
from tests.services.tally import TALLY, Tally

ServiceOn = Callable[[Database], Service]


#: A table's title and lines.
Table = tuple[str, list[str]]

#: The tables of the processes among which pytest-xdist divides the tests.
FROM_PROCESSES: Final = pytest.StashKey[list[Table]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = Tally()
    config.stash[FAULTS] = Faults()
    config.stash[FROM_PROCESSES] = []
    # A run that is told to end ends its servers first, as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["tables"] = _tables(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[FROM_PROCESSES].extend(getattr(node, "workeroutput", {}).get("tables", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for title, lines in [*_tables(config), *config.stash[FROM_PROCESSES]]:
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)


def _tables(config: pytest.Config) -> list[Table]:
    tables = (("simultaneous requests", config.stash[TALLY].lines()), ("faults", config.stash[FAULTS].lines()))
    return [(title, lines) for title, lines in tables if lines]


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    """The count of rounds; printed after the last test."""
    return pytestconfig.stash[TALLY]


@pytest.fixture(scope="session")
def faults(pytestconfig: pytest.Config) -> Faults:
    """The results of each fault; printed after the last test."""
    return pytestconfig.stash[FAULTS]


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A running MariaDB server."""
    with _mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def frail_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """Another one, which tests may take away as long as they bring it back."""
    with _mariadb(tmp_path_factory.mktemp("frail")) as server:
        yield server


@pytest.fixture(scope="session")
def frail_database(frail_mariadb: MariaDB) -> Iterator[Database]:
    """The service's database on that server. Whoever uses it cleans it first of what it must not hold."""
    frail_mariadb.create_database("bus")
    database = on_mariadb(frail_mariadb, "bus")
    database.set_up()
    with database.connected():
        yield database


@contextmanager
def _mariadb(directory: Path) -> Iterator[MariaDB]:
    server = MariaDB(directory)
    try:
        server.start()
    except MariaDBMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """A running Kafka broker and schema registry."""
    running = Bus(Kafka(tmp_path_factory.mktemp("kafka")), Registry(tmp_path_factory.mktemp("registry")))
    try:
        running.start()
        yield running
    except (JavaMissing, JavaFailed) as failure:
        pytest.fail(str(failure), pytrace=False)
    finally:
        running.stop()


@pytest.fixture(scope="session")
def service_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceOn]:
    """Starts the service on a migrated database; ends all of them after the last test."""
    running: list[Service] = []

    def start(database: Database) -> Service:
        service = Service(database, tmp_path_factory.mktemp("service") / "log")
        running.append(service)
        service.start()
        return service

    yield start
    for service in running:
        service.stop()


@pytest.fixture(autouse=True)
def database_access(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """pytest-django guards its own test database; the ones read here are the tests' to break."""
    with django_db_blocker.unblock():
        yield
