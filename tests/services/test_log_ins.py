# SPDX-License-Identifier: AGPL-3.0-only
"""Servers that refuse the log-in of our processes: each says so in a line a minute that names the setting."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs export the client alone
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from edx_exams.apps.core.models import OwedEmail
from edx_exams.apps.events.faults import Fault
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from tests.events.owed import TOPIC, unsaved
from tests.services.bus import BROKER_SECONDS, Bus, ConsumerProcess
from tests.services.databases import Database, on_sqlite
from tests.services.kafka import Kafka
from tests.services.ports import HOST, accepts, free_port
from tests.services.relays import RelayProcess, unsent
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.bus]

RIGHT: Final = "the-right-password"
WRONG: Final = "the-wrong-password"
#: The first may do all, the second may log in and nothing else.
PASSWORDS: Final = {"broker": "the-password-of-the-broker", "exams": RIGHT}
#: Of topics: the broker is shared with other tests.
PREFIX: Final = "log-ins"
#: Long enough for dozens of tries.
SECONDS_OF_TRYING: Final = 8
#: Credentials go over TLS by default; what the broker says to wrong ones is the same without.
WITHOUT_TLS: Final = json.dumps({"security.protocol": "SASL_PLAINTEXT"})


@pytest.fixture(scope="module")
def guarded_bus(bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """The registry, and a broker that wants a password."""
    kafka = Kafka(tmp_path_factory.mktemp("guarded"), passwords=PASSWORDS)
    kafka.start()
    yield Bus(kafka, bus.registry)
    kafka.stop()


@pytest.fixture(scope="module")
def guarded_registry(bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The registry behind a proxy that wants a password, as it is deployed: its address."""
    directory, port = tmp_path_factory.mktemp("proxy"), free_port()
    (directory / "passwords").write_text(f"exams:{{PLAIN}}{RIGHT}\n")
    (directory / "nginx.conf").write_text(
        f"user root; daemon off; pid {directory}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; server {{ listen {HOST}:{port};\n"
        f"auth_basic registry; auth_basic_user_file {directory}/passwords;\n"
        f"location / {{ proxy_pass http://{HOST}:{bus.registry.port}; }} }} }}\n"
    )
    with (directory / "log").open("wb") as log:
        nginx = subprocess.Popen(["nginx", "-c", str(directory / "nginx.conf")], stdout=log, stderr=log)
    wait_until(lambda: accepts(port), "nginx listens")
    yield bus.registry.url.replace(str(bus.registry.port), str(port))
    nginx.terminate()
    nginx.wait()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database of the service."""
    database = on_sqlite(tmp_path_factory.mktemp("database") / "log_ins.sqlite3")
    database.set_up()
    with database.connected():
        yield database


@pytest.fixture
def database(migrated: Database) -> Database:
    """The database with one event that is owed, and no e-mail."""
    OutboxEvent.objects.using(migrated.alias).all().delete()
    OwedEmail.objects.using(migrated.alias).all().delete()
    OutboxEvent.objects.using(migrated.alias).bulk_create(unsaved(courses=1, events=1))
    return migrated


def said_by_relay(database: Database, directory: Path, options: Mapping[str, str], words: str) -> str:
    """Let a relay run until it has said these words, and a while longer. Returns all that it said."""
    output = directory / "relay.log"
    relay = RelayProcess(database, output, options)
    try:
        wait_until(lambda: words in output.read_text(), words)
        time.sleep(SECONDS_OF_TRYING)
        assert relay.end() == 0
    finally:
        relay.kill()
    return output.read_text()


def error_of_event(database: Database) -> str:
    event = OutboxEvent.objects.using(database.alias).get()
    assert event.state != OutboxState.published
    return event.last_error


@pytest.mark.parametrize(
    ("password", "fault"), [(WRONG, Fault.KAFKA_CREDENTIALS), (RIGHT, Fault.KAFKA_PERMISSION)], ids=["password", "ACL"]
)
def test_a_broker_that_refuses_the_relay(
    password: str, fault: Fault, guarded_bus: Bus, database: Database, tmp_path: Path
) -> None:
    options = {
        **guarded_bus.environment,
        "EXAMS_TEST_KAFKA_LOG_IN": f"exams:{password}",
        "EXAMS_TEST_RELAY_OPTIONS": WITHOUT_TLS,
    }
    said = said_by_relay(database, tmp_path, options, fault)
    assert_said_once(said, fault)
    assert error_of_event(database).startswith(fault)


def test_a_relay_goes_on_as_soon_as_it_has_the_right_to_write(
    guarded_bus: Bus, database: Database, tmp_path: Path
) -> None:
    output, topic = tmp_path / "relay.log", f"{PREFIX}-{TOPIC}"
    broker, password = next(iter(PASSWORDS.items()))
    admin = AdminClient(
        {
            "bootstrap.servers": guarded_bus.kafka.address,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": broker,
            "sasl.password": password,
        }
    )
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(BROKER_SECONDS)
    options = {
        **guarded_bus.environment,
        "EXAMS_TEST_KAFKA_LOG_IN": f"exams:{RIGHT}",
        "EXAMS_TEST_RELAY_OPTIONS": WITHOUT_TLS,
        "EXAMS_TEST_TOPIC_PREFIX": PREFIX,
    }
    relay = RelayProcess(database, output, options)
    try:
        wait_until(lambda: Fault.KAFKA_PERMISSION in output.read_text(), "the relay says it")
        time.sleep(SECONDS_OF_TRYING)
        assert unsent(database) == 1
        granted = admin.create_acls(
            [
                AclBinding(
                    ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:exams", "*",
                    AclOperation.WRITE, AclPermissionType.ALLOW,
                )
            ]
        )  # fmt: skip
        for answer in granted.values():
            answer.result(BROKER_SECONDS)
        wait_until(lambda: not unsent(database), "the event is sent")
        assert relay.end() == 0
    finally:
        relay.kill()


def test_a_broker_that_refuses_the_consumer(guarded_bus: Bus, migrated: Database, tmp_path: Path) -> None:
    options = {"EXAMS_TEST_KAFKA_LOG_IN": f"exams:{WRONG}", "EXAMS_TEST_CONSUMER_OPTIONS": WITHOUT_TLS}
    consumer = ConsumerProcess(guarded_bus, migrated, tmp_path / "log", topic="roles", group="exams", options=options)
    try:
        wait_until(lambda: Fault.KAFKA_CREDENTIALS in consumer.said, "the consumer says it")
        time.sleep(SECONDS_OF_TRYING)
        assert consumer.terminate() == 0
    finally:
        consumer.kill()
    assert_said_once(consumer.said, Fault.KAFKA_CREDENTIALS)


def test_a_registry_that_refuses_the_relay(guarded_registry: str, bus: Bus, database: Database, tmp_path: Path) -> None:
    options = {
        "EXAMS_TEST_KAFKA": bus.kafka.address,
        "EXAMS_TEST_REGISTRY": guarded_registry,
        "EXAMS_TEST_TOPIC_PREFIX": PREFIX,
        "EXAMS_TEST_REGISTRY_LOG_IN": f"exams:{WRONG}",
    }
    said = said_by_relay(database, tmp_path, options, Fault.REGISTRY_CREDENTIALS)
    assert_said_once(said, Fault.REGISTRY_CREDENTIALS)
    assert error_of_event(database).startswith(Fault.REGISTRY_CREDENTIALS)


def test_the_right_password_of_the_registry_is_taken(
    guarded_registry: str, bus: Bus, database: Database, tmp_path: Path
) -> None:
    bus.create_topic(f"{PREFIX}-{TOPIC}")
    options = {
        "EXAMS_TEST_KAFKA": bus.kafka.address,
        "EXAMS_TEST_REGISTRY": guarded_registry,
        "EXAMS_TEST_TOPIC_PREFIX": PREFIX,
        "EXAMS_TEST_REGISTRY_LOG_IN": f"exams:{RIGHT}",
    }
    relay = RelayProcess(database, tmp_path / "relay.log", options)
    try:
        wait_until(lambda: not unsent(database), "the event is sent")
    finally:
        relay.kill()


def assert_said_once(said: str, fault: Fault) -> None:
    """Check that one line names the fault, one more what was not done for it, and none another fault."""
    lines = [line for line in said.splitlines() if any(known in line for known in Fault)]
    assert 1 <= len(lines) <= 2, said
    assert all(fault in line for line in lines), said
    assert "Traceback" not in said, said
    assert not [password for password in (RIGHT, WRONG) if password in said], said
