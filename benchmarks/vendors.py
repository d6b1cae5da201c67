# SPDX-License-Identifier: AGPL-3.0-only
"""
Polls of learners while a vendor's key set does not come: ``python -m benchmarks.vendors [--seconds 20]``.

The service with four single-threaded workers, the fewest that can serve a vendor and others, on MariaDB. Two clients
ask for access tokens with a key that nobody knows, as anybody may, so that the vendor's key set is wanted; two others
poll. Prints as CSV, for each fault of the vendor: what polls take, as a multiple of what they take with a vendor that
answers at once, and what the askers were answered.
"""

import argparse
import csv
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final, NamedTuple

import django

_WORKERS: Final = 4
_CLIENTS: Final = 2
#: Between two requests of one client.
_PAUSE: Final = 0.05
#: The service's processes look this name up for 20 seconds, and do not find it (`tests.services.names`).
_SLOW_NAME: Final = "slow.example"


class _Seen(NamedTuple):
    """The seconds of each poll, and the statuses of what was asked for."""

    polls: list[float]
    tokens: Counter[int]

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.polls, n=20)[-1]


def _silence(_: BaseHTTPRequestHandler) -> None:
    time.sleep(60)


def _drip(request: BaseHTTPRequestHandler) -> None:
    try:
        for _ in range(600):
            request.wfile.write(b"H")
            request.wfile.flush()
            time.sleep(0.1)
    except OSError:
        return


def _load(seconds: float, ask: Callable[[], int], poll: Callable[[], float]) -> _Seen:
    end = time.monotonic() + seconds

    def until_the_end(act: Callable[[], Any]) -> list[Any]:
        done = []
        while time.monotonic() < end:
            done.append(act())
            time.sleep(_PAUSE)
        return done

    with ThreadPoolExecutor(2 * _CLIENTS) as threads:
        tokens = [threads.submit(until_the_end, ask) for _ in range(_CLIENTS)]
        polls = [threads.submit(until_the_end, poll) for _ in range(_CLIENTS)]
    return _Seen(
        [second for each in polls for second in each.result()], Counter(status for t in tokens for status in t.result())
    )


def measure(seconds: float) -> None:
    """Let the vendor fail in each way, and print what is seen."""
    from tests.lti.keyserver import key_server
    from tests.lti.vendor import jwk_of, rsa_key
    from tests.services.courses import latest
    from tests.services.databases import on_mariadb
    from tests.services.lti_stage import Stage
    from tests.services.mariadb import MariaDB
    from tests.services.server import Service

    faults: dict[str, tuple[str, Callable[[BaseHTTPRequestHandler], None] | None]] = {
        "none": ("", None),
        "silence": ("", _silence),
        "an answer that drips": ("", _drip),
        "a name that is looked up for 20 s": (f"https://{_SLOW_NAME}/jwks", None),
    }
    table = csv.writer(sys.stdout)
    table.writerow(["fault", "polls", "median", "95th percentile", "median ms", "answers to the askers"])
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = MariaDB(directory / "mariadb")
        server.start()
        stack.callback(server.stop)
        server.create_database("vendors")
        database = on_mariadb(server, "vendors")
        database = replace(database, environment={**database.environment, "EXAMS_TEST_SLOW_NAME": _SLOW_NAME})
        database.migrate()
        stack.enter_context(database.connected())
        service = Service(database, directory / "service.log", workers=_WORKERS)
        service.start()
        stack.callback(service.stop)
        stage = Stage(service)
        attempt = stage.attempt(None, "start")
        usual: _Seen | None = None
        for number, (fault, (url, behave)) in enumerate(faults.items()):
            keys = stack.enter_context(key_server())
            vendor = stage.register(f"vendor{number}", public_key="", keyset_url=url or keys.url)
            keys.key_set = {"keys": [jwk_of(vendor.key, vendor.kid)]}
            keys.answer = behave
            vendor.key, vendor.kid = rsa_key("nobody knows it"), "unknown"
            lock = threading.Lock()

            def ask(vendor: Any = vendor, lock: threading.Lock = lock) -> int:
                with lock:  # makes a message of its own each time
                    request = stage.token_request(vendor=vendor)
                return service.call(request).status

            def poll() -> float:
                began = time.perf_counter()
                service.expect(latest(attempt.learner, attempt.exam), 200)
                return time.perf_counter() - began

            seen = _load(seconds, ask, poll)
            usual = usual or seen
            table.writerow(
                [
                    fault,
                    len(seen.polls),
                    f"x {statistics.median(seen.polls) / statistics.median(usual.polls):.2f}",
                    f"x {seen.p95 / usual.p95:.2f}",
                    f"{statistics.median(seen.polls) * 1000:.1f}",
                    "; ".join(f"{count} of {status}" for status, count in sorted(seen.tokens.items())),
                ]
            )


def main() -> None:
    """Start everything, measure, and end it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vendors", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of load for each fault")
    given = parser.parse_args()
    django.setup()
    measure(given.seconds)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    main()
