# SPDX-License-Identifier: AGPL-3.0-only
"""Errors of event buses that an operator mends, each in one line that names the setting and holds no credential."""

from enum import StrEnum
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.schema_registry.error import SchemaRegistryError


class Fault(StrEnum):
    """A known cause. The text begins a row's last error, by which `/health/` knows it."""

    KAFKA_CREDENTIALS = "Kafka refuses the credentials: check EVENT_BUS_KAFKA_API_KEY and EVENT_BUS_KAFKA_API_SECRET"
    KAFKA_PERMISSION = "Kafka refuses access to the topic or group: check the ACLs of EVENT_BUS_KAFKA_API_KEY"
    KAFKA_TOPIC = "Kafka has no such topic: create it, or check EVENT_BUS_TOPIC_PREFIX"
    KAFKA_TLS = "The TLS connection to Kafka failed: check the certificates and the TLS options"
    KAFKA_UNREACHABLE = "Kafka cannot be reached: check EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS"
    REGISTRY_CREDENTIALS = (
        "The schema registry refuses the credentials: check EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY and _API_SECRET"
    )
    REGISTRY_REFUSES = "The schema registry refuses the schema: check the compatibility mode of the topic's subjects"
    REGISTRY_UNREACHABLE = "The schema registry failed: check EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL"
    REDIS_CREDENTIALS = "Redis refuses the credentials: check EVENT_BUS_REDIS_CONNECTION_URL"
    REDIS_PERMISSION = "Redis refuses the command: check the ACL of the user in EVENT_BUS_REDIS_CONNECTION_URL"
    REDIS_FULL = "Redis is out of memory: check its maxmemory"
    REDIS_READ_ONLY = "Redis is a read-only replica: EVENT_BUS_REDIS_CONNECTION_URL must name the primary"
    REDIS_UNREACHABLE = "Redis cannot be reached: check EVENT_BUS_REDIS_CONNECTION_URL"


#: By librdkafka's code. Codes of the client itself begin with an underscore.
_KAFKA: Final = {
    KafkaError._AUTHENTICATION: Fault.KAFKA_CREDENTIALS,  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED: Fault.KAFKA_CREDENTIALS,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Fault.KAFKA_PERMISSION,
    KafkaError.GROUP_AUTHORIZATION_FAILED: Fault.KAFKA_PERMISSION,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Fault.KAFKA_PERMISSION,
    KafkaError._UNKNOWN_TOPIC: Fault.KAFKA_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: Fault.KAFKA_TOPIC,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART: Fault.KAFKA_TOPIC,
    KafkaError._SSL: Fault.KAFKA_TLS,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN: Fault.KAFKA_UNREACHABLE,  # noqa: SLF001
    KafkaError._TRANSPORT: Fault.KAFKA_UNREACHABLE,  # noqa: SLF001
    KafkaError._RESOLVE: Fault.KAFKA_UNREACHABLE,  # noqa: SLF001
}
#: By the name of redis-py's class; its package is installed with the Redis bus alone.
_REDIS: Final = {
    "AuthenticationError": Fault.REDIS_CREDENTIALS,
    "AuthenticationWrongNumberOfArgsError": Fault.REDIS_CREDENTIALS,
    "NoPermissionError": Fault.REDIS_PERMISSION,
    "OutOfMemoryError": Fault.REDIS_FULL,
    "ReadOnlyError": Fault.REDIS_READ_ONLY,
    "ConnectionError": Fault.REDIS_UNREACHABLE,
    "TimeoutError": Fault.REDIS_UNREACHABLE,
    "BusyLoadingError": Fault.REDIS_UNREACHABLE,
}
_UNAUTHORIZED: Final = frozenset({401, 403})
_REFUSED: Final = frozenset({409, 422})


def kafka_fault(error: KafkaError) -> Fault | None:
    """Return the cause of an error of Kafka's client; None if it is none that is known."""
    return _KAFKA.get(error.code())


def kafka_text(error: KafkaError) -> str:
    """Return an error of Kafka's client as one line: the cause if it is known, and the client's own words."""
    fault = kafka_fault(error)
    return f"{fault} ({error.str()})" if fault else f"{error.name()}: {error.str()}"


def registry_text(error: Exception) -> str:
    """Return an error of the schema registry's client as one line, without the registry's own words."""
    while not isinstance(error, SchemaRegistryError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if not isinstance(error, SchemaRegistryError):
        return f"{Fault.REGISTRY_UNREACHABLE} ({type(error).__name__})"
    status = error.http_status_code
    if status in _UNAUTHORIZED:
        return f"{Fault.REGISTRY_CREDENTIALS} (HTTP status {status})"
    return f"{Fault.REGISTRY_REFUSES if status in _REFUSED else Fault.REGISTRY_UNREACHABLE} (HTTP status {status})"


def redis_text(error: Exception) -> str:
    """Return an error of Redis or its client as one line, without the server's own words, which may quote arguments."""
    names = [kind.__name__ for kind in type(error).__mro__]
    fault = next((_REDIS[name] for name in names if name in _REDIS), None)
    return f"{fault} ({type(error).__name__})" if fault else f"Redis failed: {type(error).__name__}"


def text_of(error: Exception) -> str:
    """Return an error of Kafka's or the registry's client as one line."""
    if isinstance(error, KafkaException) and error.args and isinstance(error.args[0], KafkaError):
        return kafka_text(error.args[0])
    return registry_text(error)


def known_fault(last_error: str) -> Fault | None:
    """Return the cause that a row's last error begins with; None if it is none that is known."""
    return next((fault for fault in Fault if last_error.startswith(fault)), None)
