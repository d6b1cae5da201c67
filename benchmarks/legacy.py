# SPDX-License-Identifier: AGPL-3.0-only
"""
The cost of an LMS that misbehaves: ``python -m benchmarks.legacy``.

Each fault of the router's tests, over real sockets and with the time-outs as they are by default; the service within
this process, on SQLite in memory. Prints as CSV, for each fault: what a forwarded request is answered, after how long,
and what the learners' poll, `exams/attempt/latest`, takes: once, before the breaker knows, and from then on, as a
multiple of what it takes with an LMS that works. Takes some two minutes, most of them waiting.
"""

import argparse
import csv
import logging
import os
import statistics
import sys
import time
from typing import Any, Final

import django

_POLLS: Final = 40


def _seconds(client: Any, path: str, **query: str) -> tuple[float, int]:
    began = time.perf_counter()
    answer = client.get(path, query)
    return time.perf_counter() - began, answer.status_code


def measure() -> None:
    """Break things one by one, and print what is seen."""
    from django.conf import settings
    from rest_framework.test import APIClient

    from edx_exams.apps.router import client as router_client
    from tests import tokens
    from tests.conftest import person
    from tests.factories import UserFactory, submitted_attempt
    from tests.router import legacy_lms
    from tests.router.test_faults import FAULTS, Fault
    from tests.router.test_forwarding import EXAM, LATEST

    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set()}
    settings.LEGACY_EXAMS_ENABLED = True
    learner = UserFactory.create()
    client = APIClient(headers=person(learner).authorization())
    content_id = submitted_attempt(user=learner).exam.content_id

    def poll() -> float:
        seconds, status = _seconds(client, LATEST, content_id=content_id)
        if status != 200:
            message = f"The poll was answered {status}."
            raise AssertionError(message)
        return seconds

    table = csv.writer(sys.stdout)
    table.writerow(["fault", "status", "seconds", "first poll", "polls after it"])
    healthy = 0.0
    for name, fault in {"none": Fault(200, pauses=False), **FAULTS}.items():
        with legacy_lms.running() as lms:
            settings.LMS_ROOT_URL = lms.url
            router_client._client.cache_clear()  # noqa: SLF001  (the process has one for its life)
            lms.behave, lms.issue = fault.behave, fault.issue
            seconds, status = _seconds(client, EXAM)
            first = poll()
            usual = statistics.median(poll() for _ in range(_POLLS))
            healthy = healthy or usual
            table.writerow([name, status, f"{seconds:.2f}", f"{first:.2f} s", f"x {usual / healthy:.2f}"])


def main() -> None:
    """Make a database in memory, measure, and forget it."""
    argparse.ArgumentParser(prog="python -m benchmarks.legacy", description=__doc__).parse_args()
    django.setup()
    logging.disable()
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        measure()
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    main()
