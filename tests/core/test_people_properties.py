# SPDX-License-Identifier: AGPL-3.0-only
# ruff: noqa: RUF001  (that they look alike is the point)
"""Names that any collation takes for the same are two people, two courses and two roles, always."""

import unicodedata
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from edx_exams.apps.core.api import (
    create_or_update_course_exam_configuration,
    get_course_exam_configuration_by_course_id,
    grant_course_role,
    is_course_staff,
    revoke_course_role,
)
from edx_exams.apps.core.models import CourseExamConfiguration, CourseStaffRole, User
from edx_exams.apps.core.people import person
from tests.factories import ProviderFactory
from tests.sampling import examples

#: Pairs that some collation takes for the same: case, accents, width, composition, ligatures, what is ignored.
_PAIRS: Final = (
    *(("a", "A"), ("ß", "ss"), ("ß", "ẞ"), ("é", "e"), ("e\u0301", "é"), ("\uff43", "c"), ("ø", "o"), ("ı", "i")),
    *(("æ", "ae"), ("ﬁ", "fi"), ("ſ", "s"), ("ς", "σ"), ("Ⅷ", "VIII"), ("①", "1"), ("x\u00ad", "x"), ("x\u200b", "x")),
    *(
        ("か", "カ"),
        ("ｶ", "カ"),
        ("は", "ば"),
        ("\U0001f600", "\U0001f601"),
        ("\U00020bb7", "吉"),
        ("и", "й"),
        ("т", "Т"),
    ),
    *(("x\u0301", "x"), ("x\u034f", "x"), ("\u0660", "0"), ("ŀ", "l"), ("-", "\u2010"), ("'", "\u2019")),
)


def _variants(text: str) -> list[str]:
    """Texts that look or sort like this one."""
    found = {text.upper(), text.lower(), text.swapcase(), text.casefold()}
    found |= {unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    found |= {"".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))}
    for left, right in _PAIRS:
        found |= {text.replace(left, right), text.replace(right, left)}
    return sorted(other for other in found if other and other != text and other == other.strip() and len(other) < 100)


_LETTERS: Final = st.sampled_from(sorted({letter for pair in _PAIRS for text in pair for letter in text}))
_ALIKE: Final = (
    st.text(_LETTERS, min_size=1, max_size=6)
    .map(lambda text: f"a{text}b")
    .filter(_variants)
    .flatmap(lambda text: st.tuples(st.just(text), st.sampled_from(_variants(text))))
)


class TestPairs(HypothesisTestCase):
    """Each pair in a transaction of its own."""

    @settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
    @given(_ALIKE)
    def test_two_names_are_two_people(self, pair: tuple[str, str]) -> None:
        one, other = (person(number, name) for number, name in enumerate(pair, start=1))
        assert one.pk != other.pk
        assert [person(None, name).pk for name in pair] == [one.pk, other.pk]
        assert [User.objects.get(username=name).pk for name in pair] == [one.pk, other.pk]

    @settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
    @given(_ALIKE.filter(lambda pair: all(text.isprintable() for text in pair)))
    def test_two_course_ids_are_two_courses_and_two_roles_two_roles(self, pair: tuple[str, str]) -> None:
        provider = ProviderFactory.create()
        courses = [f"course-v1:Acme+{text}+2026" for text in pair]
        create_or_update_course_exam_configuration(courses[0], provider.name, None)
        create_or_update_course_exam_configuration(courses[1], None, None)
        assert CourseExamConfiguration.objects.filter(course_id__in=courses).count() == 2
        found = [get_course_exam_configuration_by_course_id(course_id) for course_id in courses]
        assert [configuration and configuration.provider for configuration in found] == [provider.name, None]
        user = person(1, "somebody")
        for role in pair:
            grant_course_role(user, courses[0], role)
        assert CourseStaffRole.objects.count() == 2
        assert [is_course_staff(user, course_id) for course_id in courses] == [True, False]
        grant_course_role(user, courses[1], pair[0])
        revoke_course_role(user, courses[0], pair[0])
        assert CourseStaffRole.objects.filter(user=user, role=pair[1], course_id=courses[0]).exists()
        assert CourseStaffRole.objects.count() == 2


def test_the_pairs_differ() -> None:
    assert all(one != other for one, other in _PAIRS)
