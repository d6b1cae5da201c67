"""Servers for these tests, and the table of what was seen."""

import signal
from collections.abc import Callable, Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.services.bus import Bus
from tests.services.databases import Database
from tests.services.java import JavaFailed, JavaMissing
from tests.services.kafka import Kafka
from tests.services.mariadb import MariaDB, MariaDBMissing
from tests.services.registry import Registry
from tests.services.server import Service
from tests.services.tally import TALLY, Tally

ServiceOn = Callable[[Database], Service]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = Tally()
    # A run that is told to end ends its servers first, as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[TALLY].lines()
    if lines:
        terminalreporter.section("simultaneous requests")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    """Where rounds are counted; printed after the last test."""
    return pytestconfig.stash[TALLY]


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A running MariaDB server."""
    server = MariaDB(tmp_path_factory.mktemp("mariadb"))
    try:
        server.start()
    except MariaDBMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    yield server
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
