# SPDX-License-Identifier: AGPL-3.0-only
"""Course ids and content ids."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edx_exams.apps.core import opaque_keys
from tests.sampling import examples

COURSE = "course-v1:Acme+BIO101+2026"
CONTENT = "block-v1:Acme+BIO101+2026+type@sequential+block@a"


@pytest.mark.parametrize(
    ("course_id", "is_key"),
    [
        (COURSE, True),
        ("Acme/BIO101/2026", True),
        ("an-external_key:1", False),
        ("course-v1:Acme+BIO101", False),
        (CONTENT, False),
        ("", False),
        ("\x00", False),
    ],
)
def test_a_course_key(course_id: str, is_key: bool) -> None:
    key = opaque_keys.course_key(course_id)
    assert (key is not None) is is_key
    assert key is None or str(key) == course_id


@pytest.mark.parametrize(
    ("content_id", "course_id"),
    [
        (CONTENT, COURSE),
        ("i4x://Acme/BIO101/sequential/a", None),
        ("lb:Acme:library:problem:a", None),
        (COURSE, None),
        ("block-v1:Acme+BIO101", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_course_that_a_content_id_names(content_id: str, course_id: str | None) -> None:
    assert opaque_keys.course_named_by(content_id) == course_id


@pytest.mark.parametrize(
    ("content_id", "course_id", "belongs"),
    [
        (CONTENT, COURSE, True),
        (CONTENT, "course-v1:Acme+BIO101+2025", False),
        (CONTENT, COURSE.upper(), False),
        ("i4x://Acme/BIO101/sequential/a", "Acme/BIO101/2026", True),
        ("i4x://Acme/BIO101/sequential/a", "Acme/BIO101/2025", True),
        ("i4x://Acme/BIO102/sequential/a", "Acme/BIO101/2026", False),
        ("i4x://Other/BIO101/sequential/a", "Acme/BIO101/2026", False),
        ("nonsense", COURSE, False),
        (CONTENT, "an-external_key:1", False),
        ("lb:Acme:library:problem:a", COURSE, False),
    ],
)
def test_which_content_belongs_to_which_course(content_id: str, course_id: str, belongs: bool) -> None:
    assert opaque_keys.belongs_to(content_id, course_id) is belongs


@settings(max_examples=examples(25), deadline=None)
@given(st.text(max_size=100), st.text(max_size=100))
def test_no_text_is_too_odd_to_be_judged(content_id: str, course_id: str) -> None:
    assert opaque_keys.belongs_to(content_id, course_id) in (True, False)
    assert opaque_keys.course_named_by(f"block-v1:{content_id}") is None or "+" in content_id
