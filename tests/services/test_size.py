# SPDX-License-Identifier: AGPL-3.0-only
"""On a platform of some years frequent statements read an index and sort nothing that grows; memory is bounded."""

from functools import partial
from typing import Any

import pytest

from benchmarks import explain, seed
from edx_exams.apps.api import tokens
from tests.services.conftest import ServiceOn
from tests.services.courses import STAFF
from tests.services.databases import on_mariadb
from tests.services.mariadb import MariaDB
from tests.services.server import Call

pytestmark = pytest.mark.services

#: Large enough for MariaDB to prefer an index that serves, small enough to be made in seconds.
SIZE = seed.Size(attempts=40_000, large_exam=15_000)


def test_no_frequent_statement_reads_or_sorts_what_grows(mariadb: MariaDB, service_on: ServiceOn) -> None:
    mariadb.create_database("size")
    database = on_mariadb(mariadb, "size")
    database.set_up()
    with database.connected() as connection:
        seed.fill(connection, SIZE)
        seen: dict[str, int] = {}
        growing: list[tuple[str, explain.Step]] = []
        service = service_on(database)
        large = service.expect(Call("GET", f"exams/course_id/{seed.COURSE}", STAFF), 200).json[0]["id"]
        team = f"instructor_view/course_id/{seed.COURSE}/attempts"
        download = partial(service.expect, Call("GET", f"{team}?exam_id={large}&format=csv", STAFF), 200)
        for name, request in explain.hot_requests(service, database).items():
            steps = [step for made in explain.made_by(connection, request) for step in explain.plan(connection, made)]
            seen[name] = len(steps)
            growing += [(name, step) for step in steps if step.grows]
        read = explain.rows_read(connection, download)
    assert growing == []
    assert all(seen.values()), seen  # the log was read, and each request is in it
    # Of each attempt its row, its learner's and some entries of indexes; not all attempts again for each thousand.
    assert read < 7 * SIZE.large_exam


def test_a_hundred_thousand_tokens_take_no_more_memory_than_the_bound() -> None:
    remembered: Any = tokens._remembered
    remembered.clear()
    for number in range(100_000):
        # As `verify` remembers: their signatures would take a minute.
        claims = {"user_id": number, "exp": 2**31, "preferred_username": f"person{number}", "is_restricted": False}
        remembered.set(f"{number:064}", (claims, False), timeout=3600)
    assert len(remembered._cache) <= tokens.MAX_REMEMBERED
    assert sum(map(len, remembered._cache.values())) < 10_000_000
    remembered.clear()
