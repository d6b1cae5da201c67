# SPDX-License-Identifier: AGPL-3.0-only
"""The renderer says what REST framework's own says."""

import json
from collections import OrderedDict, namedtuple
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest
from django.utils.functional import lazystr
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import renderers
from rest_framework.exceptions import ErrorDetail

from edx_exams.apps.api.renderers import JSONRenderer
from edx_exams.apps.core.statuses import ExamAttemptStatus
from tests.sampling import examples

Pair = namedtuple("Pair", "one other")

VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=5, minutes=30))) | st.none())
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-999, max_value=999),
    lambda values: st.lists(values) | st.tuples(values, values) | st.dictionaries(st.text(), values),
)


def same(value: Any) -> None:
    assert json.loads(JSONRenderer().render(value)) == json.loads(renderers.JSONRenderer().render(value))


@given(VALUES)
@settings(max_examples=examples(300), deadline=None)
def test_it_says_what_rest_framework_says(value: Any) -> None:
    same({"value": value})


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 11, 27, 8, 0, tzinfo=UTC),
        Decimal("0.25"),
        UUID("f576d3f3-2c84-4ac6-9ae5-8c69eeb4405a"),
        ErrorDetail("No such exam.", code="not_found"),
        lazystr("later"),
        ExamAttemptStatus.started,
        Pair(1, [2]),
        OrderedDict(a=1),
        {1: "a number as key", None: 2},
        2**64,
        "\u2028 \U0001f4dd \x00",
    ],
)
def test_what_views_give_it_is_taken(value: Any) -> None:
    same({"value": value})


def test_nothing_is_no_body() -> None:
    assert JSONRenderer().render(None) == b""
