# SPDX-License-Identifier: AGPL-3.0-only
"""Faults that recur many times a second are logged once a minute."""

import logging

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.schema_registry.error import SchemaRegistryError

from edx_exams.apps.events import fault_log
from edx_exams.apps.events.fault_log import FaultLog, client_logger
from edx_exams.apps.events.faults import Fault, kafka_text, known_fault, registry_text

log = logging.getLogger(__name__)


def test_a_fault_is_logged_at_once_and_then_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = FaultLog(log)
    for n in range(50):
        faults.report("Kafka refuses", detail=f" (try {n})")
    faults.report("another fault")
    assert caplog.messages == ["Kafka refuses (try 0)", "another fault"]
    monkeypatch.setattr(fault_log, "_EVERY_SECONDS", 0.0)
    faults.report("Kafka refuses")
    assert caplog.messages[-1] == "Kafka refuses (repeated 49 times since last logged)"


def test_a_clients_lines_that_differ_in_numbers_alone_are_one(caplog: pytest.LogCaptureFixture) -> None:
    logger = client_logger("tests.client")
    assert client_logger("tests.client") is logger
    for n in range(20):
        logger.warning("FAIL [thrd:broker-%d]: authentication failed (after %d ms)", n, n * 7)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (kafka_text(KafkaError(KafkaError._AUTHENTICATION)), Fault.KAFKA_CREDENTIALS),
        (kafka_text(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)), Fault.KAFKA_TOPIC),
        (kafka_text(KafkaError(KafkaError._ALL_BROKERS_DOWN)), Fault.KAFKA_UNREACHABLE),
        (registry_text(SchemaRegistryError(401, 40101, "key:secret")), Fault.REGISTRY_CREDENTIALS),
        (registry_text(SchemaRegistryError(409, 409, "incompatible")), Fault.REGISTRY_REFUSES),
        (registry_text(ConnectionError("http://user:secret@registry")), Fault.REGISTRY_UNREACHABLE),
        (kafka_text(KafkaError(KafkaError._MSG_TIMED_OUT)), None),
    ],
)
def test_the_cause_is_known_again_from_the_text_which_holds_no_secret(text: str, fault: Fault | None) -> None:
    assert known_fault(text) is fault
    assert "secret" not in text
