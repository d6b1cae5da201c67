# SPDX-License-Identifier: AGPL-3.0-only
"""`/metrics` for Prometheus: requests that every process counts, and backlogs that the database tells."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from edx_exams.apps.api.methods import allow_methods
from edx_exams.apps.core import health, metrics
from edx_exams.apps.core.models import User

log = logging.getLogger(__name__)

_responses = Counter("edx_exams_responses", "Responses, by the URL's name and the HTTP status.", ["view", "status"])

#: Details of `/health/` that count rows by state, and the name of each here.
_QUEUES = {"outbox_status": "events", "email_status": "emails"}


class CountResponses:
    """Middleware: counts responses. Not there at all where metrics are off."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.METRICS_ENABLED:
            raise MiddlewareNotUsed
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Count the response under the name of its URL; requests for no URL of ours are one."""
        response = self._get_response(request)
        match = request.resolver_match
        _responses.labels(match.view_name or "unnamed" if match else "none", str(response.status_code)).inc()
        return response


class LogRequests:
    """Middleware: logs each request with method, path, status and duration. Not there at all where that is off."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.LOG_REQUESTS:
            raise MiddlewareNotUsed
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Log the request once it is answered. Of the address the path alone: a query may hold what no log may."""
        started = time.perf_counter()
        response = self._get_response(request)
        milliseconds = round((time.perf_counter() - started) * 1000)
        known = {
            "answered_request": request,
            "user_id": _known_user_id(request),
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": milliseconds,
        }
        log.info("%s %s %d %d ms", request.method, request.path, response.status_code, milliseconds, extra=known)
        return response


def _known_user_id(request: HttpRequest) -> int | None:
    """Return the id of who asked, if that was looked up for the answer: for a log line no database is asked."""
    values = vars(request)
    user = values.get("_cached_user") or values.get("user")
    # Not `isinstance`: it would ask a user that is looked up lazily for its class, and so the database.
    return user.pk if user is not None and issubclass(type(user), User) else None


class _FromDatabase(Collector):
    """Numbers that the database tells. Where it does not answer, `edx_exams_database_up` is all there is."""

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        up = 1
        try:
            yield from [*_backlogs(), *_gauges()]
        except (DatabaseError, InterfaceError):
            up = 0
        yield GaugeMetricFamily("edx_exams_database_up", "1 if the database answers.", up)


def _backlogs() -> Iterator[Metric]:
    rows = GaugeMetricFamily(
        "edx_exams_backlog", "Rows that are not done, by queue and state.", labels=["queue", "state"]
    )
    ages = GaugeMetricFamily(
        "edx_exams_backlog_oldest_seconds", "Age of the oldest of them; 0 if there is none.", labels=["queue", "state"]
    )
    for name, detail in health.details().items():
        if name not in _QUEUES:
            continue
        for state, found in detail.items():
            if isinstance(found, dict) and "count" in found:
                rows.add_metric([_QUEUES[name], state], found["count"])
                ages.add_metric([_QUEUES[name], state], found["oldest_seconds"] or 0)
    yield rows
    yield ages


def _gauges() -> Iterator[Metric]:
    for gauge in metrics.gauges():
        value: Any = gauge.read()
        if value is not None:
            yield GaugeMetricFamily(gauge.name, gauge.help, value)


@allow_methods("GET", "HEAD")
def metrics_page(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (the framework gives it)
    """
    Answer in Prometheus' text format; 404 where `METRICS_ENABLED` is off.

    With the environment variable `PROMETHEUS_MULTIPROC_DIR` counters are summed over the processes of a server.
    """
    if not settings.METRICS_ENABLED:
        raise Http404
    counted: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    told = CollectorRegistry()
    told.register(_FromDatabase())
    return HttpResponse(generate_latest(counted) + generate_latest(told), content_type=CONTENT_TYPE_LATEST)
