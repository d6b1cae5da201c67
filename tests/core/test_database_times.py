# SPDX-License-Identifier: AGPL-3.0-only
"""Times as MySQL writes them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import make_aware

from edx_exams.apps.core.database_times import quicker, read_datetime


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


class _Operations:
    """Stands in for those of Django's MySQL back-end, which needs its driver."""

    def __init__(self, zone: Any) -> None:
        self._zone = zone

    def convert_datetimefield_value(self, value: datetime | None, *_: Any) -> datetime | None:
        return None if value is None else make_aware(value, self._zone)

    def convert_booleanfield_value(self, value: int, *_: Any) -> bool:
        return bool(value)


@pytest.mark.parametrize(
    "text", ["1970-01-01", "2026-02-28 23:59:59.999999", "0001-01-01", "9999-12-31 23:59:59.999999", "0000-00-00"]
)
def test_a_time_is_given_its_zone_as_django_gives_it(text: str) -> None:
    operations = _Operations(UTC)
    connection: Any = SimpleNamespace(vendor="mysql", ops=operations, timezone=UTC)
    convert = quicker(operations.convert_datetimefield_value, connection)
    assert convert != operations.convert_datetimefield_value
    moment = read_datetime(text)
    converted = convert(moment, None, connection)
    assert converted == operations.convert_datetimefield_value(moment)
    assert converted is None or converted.tzinfo is UTC


@pytest.mark.parametrize(
    ("vendor", "zone", "name"),
    [
        ("mysql", ZoneInfo("Asia/Kolkata"), "convert_datetimefield_value"),
        ("sqlite", UTC, "convert_datetimefield_value"),
        ("mysql", UTC, "convert_booleanfield_value"),
    ],
)
def test_other_converters_are_djangos(vendor: str, zone: Any, name: str) -> None:
    operations = _Operations(zone)
    connection: Any = SimpleNamespace(vendor=vendor, ops=operations, timezone=zone)
    convert = getattr(operations, name)
    assert quicker(convert, connection) == convert
