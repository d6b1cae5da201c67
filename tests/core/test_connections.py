# SPDX-License-Identifier: AGPL-3.0-only
"""Times as MySQL writes them."""

import pytest

from edx_exams.apps.core.connections import read_datetime


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27 10:11:12.000345", "2026-11-27T10:11:12.000345"),
        ("2026-11-27 10:11:12.5", "2026-11-27T10:11:12.500000"),
        ("2026-11-27 10:11:12", "2026-11-27T10:11:12"),
        ("0001-01-01 00:00:00.000000", "0001-01-01T00:00:00"),
        ("9999-12-31 23:59:59.999999", "9999-12-31T23:59:59.999999"),
        ("0000-00-00 00:00:00.000000", None),
        ("2026-02-00 00:00:00", None),
    ],
)
def test_a_time_is_read_to_the_microsecond_and_what_is_none_is_none(text: str, moment: str | None) -> None:
    read = read_datetime(text)
    assert (read and read.isoformat()) == moment
