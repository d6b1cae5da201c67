# SPDX-License-Identifier: AGPL-3.0-only
"""The schema registry's client: with a time-out, and "no such schema" distinguished from "no answer"."""

import functools
from collections.abc import Callable
from typing import Any, Final, override

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

#: Error codes of a registry that works: subject, version or schema not found. Another 404 is a wrong address or a
#: proxy's.
_NOT_FOUND: Final = frozenset({40401, 40402, 40403})
_HTTP_NOT_FOUND: Final = 404


class RegistryUnavailable(Exception):
    """The registry did not answer, or its answer says nothing about the schema: to be tried again later."""


def _answered[**P, R](ask: Callable[P, R]) -> Callable[P, R]:
    """Decorate a call of the registry so that it raises `SchemaRegistryError` only for "not found"."""

    @functools.wraps(ask)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return ask(*args, **kwargs)
        except SchemaRegistryError as error:
            if error.http_status_code == _HTTP_NOT_FOUND and error.error_code in _NOT_FOUND:
                raise
            message = f"the schema registry answered with HTTP status {error.http_status_code}"
            raise RegistryUnavailable(message) from error
        except Exception as error:  # connections, time-outs, and what a proxy's HTML does to a JSON parser
            message = f"the schema registry did not answer ({type(error).__name__})"
            raise RegistryUnavailable(message) from error

    return run


class BoundedRegistryClient(SchemaRegistryClient):
    """A client that distinguishes "not found" from every other failure, which its caller tries again."""

    @override
    @_answered
    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        return super().get_schema(*args, **kwargs)

    @override
    @_answered
    def get_schema_by_guid(self, *args: Any, **kwargs: Any) -> Any:
        return super().get_schema_by_guid(*args, **kwargs)

    @override
    def get_associations_by_resource_name(self, *args: Any, **kwargs: Any) -> Any:
        """
        Return the subjects that a registry associates with a topic; none is not an error.

        Most registries don't have this endpoint and answer 404 in a form of their own.
        """
        try:
            return _answered(super().get_associations_by_resource_name)(*args, **kwargs)
        except RegistryUnavailable as unavailable:
            answer = unavailable.__cause__
            if isinstance(answer, SchemaRegistryError) and answer.http_status_code == _HTTP_NOT_FOUND:
                return []
            raise


def registry_client() -> BoundedRegistryClient:
    """
    Return the client for edx-event-bus-kafka's settings: one in a process, for it caches connections and schemas.

    :raises ImproperlyConfigured: no registry is configured
    """
    url = getattr(settings, "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL", None)
    if not url:
        message = "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL is not set."
        raise ImproperlyConfigured(message)
    key = getattr(settings, "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY", "")
    secret = getattr(settings, "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET", "")
    return _client(url, f"{key}:{secret}", settings.EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT)


@functools.lru_cache(maxsize=1)
def _client(url: str, user: str, timeout: float) -> BoundedRegistryClient:
    return BoundedRegistryClient(
        {
            "url": url,
            "basic.auth.user.info": user,
            "timeout": timeout,  # seconds; the library gives none
            "max.retries": 0,  # a sleep in there would keep the consumer from polling the broker
        }
    )
