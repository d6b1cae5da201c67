# SPDX-License-Identifier: AGPL-3.0-only
"""Bodies that a tool may send to the Assessment Control Service, field by field. No database."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edx_exams.apps.lti.control import BadBody, read_control_request
from tests.sampling import examples

ISSUER = "https://platform.example.com"
GOOD: dict[str, Any] = {
    "user": {"sub": "0d4b1b0e-6f56-4a57-9d20-0b1dcb9f1d0f"},
    "resource_link": {"id": "link"},
    "attempt_number": 1,
    "action": "flag",
    "incident_time": "2026-03-01T13:00:00+01:00",
}


def read(**changes: Any) -> Any:
    return read_control_request(json.dumps({**GOOD, **changes}).encode(), issuer=ISSUER)


def wrong_fields(**changes: Any) -> set[str]:
    with pytest.raises(BadBody) as caught:
        read(**changes)
    return set(caught.value.errors)


def test_the_least_that_is_needed_is_enough() -> None:
    request = read()
    assert request.report.incident_time == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert request.report[2:] == (None, None, None, None)


def test_everything_together_is_read() -> None:
    request = read(
        user={"sub": "s", "iss": ISSUER}, incident_severity="0.5", reason_code=9, reason_msg="text", extra_time=5
    )
    assert request.report[2:] == (Decimal("0.5"), "9", "text", 5)


ANYTHING: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    "",
    "x",
    [],
    [1],
    {},
    {"id": 1},
    {"sub": []},
    10**30,
    "\0",
    "\ud800",
]
TAKEN: dict[str, list[Any]] = {
    "user": [],
    "resource_link": [],
    "attempt_number": [1],
    "action": [],
    "incident_time": [],
    "incident_severity": [None, 0, 1],
    "reason_code": [None, 0, 1, -1, 1.5, "", "x", 10**30],
    "reason_msg": [None, "", "x"],
    "extra_time": [None, 0, 1],
}


@pytest.mark.parametrize("field", TAKEN)
def test_a_value_of_a_wrong_type_is_refused_with_its_field(field: str) -> None:
    for value in ANYTHING:
        # `1 == True`, so by text.
        if repr(value) in map(repr, TAKEN[field]):
            read(**{field: value})
        else:
            assert wrong_fields(**{field: value}) == {field}, value


@pytest.mark.parametrize("field", ["user", "resource_link", "attempt_number", "action", "incident_time"])
def test_a_field_that_is_needed_is_missed(field: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(BadBody) as caught:
        read_control_request(json.dumps(body).encode(), issuer=ISSUER)
    assert caught.value.errors == {field: ["This field is required."]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("incident_severity", 2),
        ("incident_severity", -1),
        ("incident_severity", 1.0000001),
        ("incident_severity", "NaN"),
        ("incident_severity", "Infinity"),
        ("incident_severity", "1_0"),
        ("incident_severity", "\N{ARABIC-INDIC DIGIT ZERO}"),
        ("incident_severity", " 0.1"),
        ("incident_severity", "1e999"),
        ("incident_time", "2026-03-01T12:00:00"),
        ("incident_time", "2026-03-01"),
        ("incident_time", "2026-13-01T12:00:00Z"),
        ("incident_time", "0001-01-01T00:00:00+14:00"),
        ("incident_time", "9999-12-31T23:59:59-12:00"),
        ("incident_time", 1772366400),
        ("attempt_number", "1.5"),
        ("attempt_number", 0),
        ("attempt_number", 1.5),
        ("attempt_number", 2**63),
        ("reason_code", "x" * 65),
        ("reason_code", 10**80),
        ("reason_msg", "x" * 5000),
        ("extra_time", -1),
        ("extra_time", "five"),
        ("extra_time", 525_601),
        ("extra_time", 1.5),
        ("extra_time", 2**31),
        ("action", "Pause"),
        ("user", {"sub": "x", "iss": "https://elsewhere.example.com"}),
        ("resource_link", {"id": "x" * 256}),
    ],
)
def test_a_value_out_of_bounds_is_refused(field: str, value: Any) -> None:
    assert wrong_fields(**{field: value}) == {field}


@pytest.mark.parametrize(
    "value", ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.123456789Z", "20260301T120000Z", "2026-03-01 13:00+01"]
)
def test_times_are_understood_as_iso_8601_writes_them(value: str) -> None:
    assert read(incident_time=value).report.incident_time.replace(microsecond=0) == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_reason_code_keeps_what_was_meant() -> None:
    kept = {
        1: "1",
        "1": "1",
        "01": "01",
        1.5: "1.5",
        -3: "-3",
        2**63: str(2**63),
        "x" * 64: "x" * 64,
        "": None,
    }
    assert {code: read(reason_code=code).report.reason_code for code in kept} == kept
    assert read(reason_code=1.0).report.reason_code == "1"


@pytest.mark.parametrize("one", [1, 1.0, "1"])
def test_whole_numbers_come_as_tools_write_them(one: Any) -> None:
    request = read(attempt_number=one, extra_time=one)
    assert (request.attempt_number, request.report.extra_time_mins) == (1, 1)
    assert type(request.attempt_number) is int


def test_an_update_may_come_without_minutes() -> None:
    assert read(action="update").report.extra_time_mins is None
    assert read(action="update", extra_time=0).report.extra_time_mins == 0


def test_a_number_of_a_billion_digits_is_refused_at_once() -> None:
    body = json.dumps({**GOOD, "attempt_number": 7}).replace("7", "1e999999999").encode()
    with pytest.raises(BadBody):
        read_control_request(body, issuer=ISSUER)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"null", b"1", b"\xff", b"[" * 100_000, b'{"a": NaN}', b'{"a": 1e99999999999999999999}'],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        read_control_request(body, issuer=ISSUER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)


@settings(max_examples=examples(150), deadline=None)
@given(st.dictionaries(st.sampled_from([*TAKEN, "other"]), JSON))
def test_no_body_whatever_does_worse_than_being_refused(changes: dict[str, Any]) -> None:
    with suppress(BadBody):
        read(**changes)
