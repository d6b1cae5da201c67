# SPDX-License-Identifier: AGPL-3.0-only
"""
The memory of a worker: ``python -m benchmarks.memory [--requests 100000]``.

The service under gunicorn with two workers on a MariaDB with a platform's years in it. Prints the time from start to
the first answer, and the workers' resident memory then, and after each tenth of the requests: polls of many learners,
whose tokens are all different, and lists.
"""

import argparse
import csv
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import django

from benchmarks import seed, wrk
from benchmarks.servers import Gunicorn
from benchmarks.throughput import CONNECTIONS, authorization
from tests.services.databases import on_mariadb
from tests.services.mariadb import MariaDB
from tests.tokens import Person

_MEGABYTE = 2**20
_LEARNERS = 2_000

_POLLS = """
local tokens, at = {}, 0
for line in io.lines("%s") do tokens[#tokens + 1] = line end
request = function()
  at = at %% #tokens + 1
  return wrk.format("GET", "/api/v1/exams/attempt/latest", {["Authorization"] = tokens[at]})
end
"""


def main() -> None:
    """Measure, and print the table as CSV."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=100_000)
    given = parser.parse_args()
    wrk.require()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    django.setup()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        server = MariaDB(directory / "mariadb")
        server.start()
        stack.callback(server.stop)
        server.create_database("memory")
        database = on_mariadb(server, "memory")
        database.migrate()
        with database.connected() as connection:
            seed.fill(connection, seed.Size(attempts=20_000))
        tokens = directory / "tokens"
        learners = (Person(f"person{number}", 100_000 + number) for number in range(1, _LEARNERS + 1))
        tokens.write_text("\n".join(authorization(learner)["Authorization"] for learner in learners) + "\n")
        script = directory / "polls.lua"
        script.write_text(_POLLS % tokens)
        began = time.perf_counter()
        # The older system is not there: after its first failure it is left alone.
        environment = {**database.process_environment, "EXAMS_TEST_LMS": "http://127.0.0.1:9"}
        gunicorn = Gunicorn("edx_exams.wsgi:application", environment, directory / "log")
        stack.enter_context(gunicorn)
        print(f"first answer after {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        table = csv.writer(sys.stdout)
        table.writerow(["requests", "MB of each worker"])
        asked = 0
        table.writerow([asked, " and ".join(f"{size / _MEGABYTE:.0f}" for size in gunicorn.resident_bytes())])
        while asked < given.requests:
            asked += wrk.run(gunicorn.url, script, seconds=10, connections=CONNECTIONS).requests
            table.writerow([asked, " and ".join(f"{size / _MEGABYTE:.0f}" for size in gunicorn.resident_bytes())])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
