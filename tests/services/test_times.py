# SPDX-License-Identifier: AGPL-3.0-only
"""Times that a MySQL or MariaDB holds: they are read as mysqlclient's own, slower reader reads them."""

from typing import Final

import pytest
from MySQLdb.times import DateTime_or_None  # type: ignore[import-untyped]

from tests.services.databases import on_mariadb
from tests.services.mariadb import MariaDB

pytestmark = pytest.mark.services

#: Of columns with and without fractions of a second.
TIMES: Final = (
    "2026-11-27 10:11:12.000345",
    "2026-11-27 10:11:12.5",
    "2026-11-27 10:11:12",
    "1970-01-02 00:00:01",
    "2026-02-00 00:00:00",
    "0000-00-00 00:00:00",
)


def test_every_time_is_read_as_mysqlclient_reads_it(mariadb: MariaDB) -> None:
    mariadb.create_database("times")
    with on_mariadb(mariadb, "times").connected() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute("CREATE TABLE times (a DATETIME(6), b DATETIME, c DATETIME(3), d TIMESTAMP(6) NULL)")
        cursor.executemany("INSERT INTO times VALUES (%s, %s, %s, %s)", [[time] * 4 for time in TIMES])
        cursor.execute("INSERT INTO times VALUES (NULL, NULL, NULL, NULL)")
        columns = ("a", "b", "c", "d")
        cursor.execute(f"SELECT {', '.join(columns)} FROM times")
        read = cursor.fetchall()
        cursor.execute(f"SELECT {', '.join(f'CAST({name} AS CHAR)' for name in columns)} FROM times")
        written = cursor.fetchall()
    assert len(read) == len(TIMES) + 1
    assert read == tuple(tuple(text and DateTime_or_None(text) for text in row) for row in written)
