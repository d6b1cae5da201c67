# SPDX-License-Identifier: AGPL-3.0-only
"""The members of a course's team."""

from collections.abc import Callable
from typing import Any

import pytest

from edx_exams.apps.core.api import (
    grant_course_role,
    is_course_staff,
    revoke_course_role,
)
from edx_exams.apps.core.exceptions import InvalidCourseRole
from edx_exams.apps.core.models import CourseStaffRole, User
from tests.factories import COURSE_ID, CourseStaffRoleFactory, UserFactory

pytestmark = pytest.mark.django_db

StatementsOf = Callable[[Callable[[], Any]], list[str]]


@pytest.mark.parametrize("role", ["staff", "instructor", "limited_staff", "anything", None])
def test_any_role_in_the_course_makes_staff_of_it_and_of_no_other(role: str | None) -> None:
    user = CourseStaffRoleFactory.create(role=role).user
    assert is_course_staff(user, COURSE_ID)
    assert not is_course_staff(user, "course-v1:Acme+BIO102+2026")
    assert not is_course_staff(UserFactory.create(), COURSE_ID)


def test_global_staff_are_staff_of_every_course(global_staff: User, statements_of: StatementsOf) -> None:
    assert statements_of(lambda: is_course_staff(global_staff, "anything")) == []
    assert is_course_staff(global_staff, "anything")


def test_a_role_is_granted_once_and_taken_away_once(learner: User) -> None:
    for _ in range(2):
        grant_course_role(learner, COURSE_ID, "staff")
    grant_course_role(learner, COURSE_ID, "instructor")
    assert CourseStaffRole.objects.count() == 2
    for _ in range(2):
        revoke_course_role(learner, COURSE_ID, "staff")
    assert list(CourseStaffRole.objects.values_list("role", flat=True)) == ["instructor"]
    assert is_course_staff(learner, COURSE_ID)


def test_only_that_persons_role_in_that_course_is_taken_away(learner: User) -> None:
    others = [
        CourseStaffRoleFactory.create(),
        CourseStaffRoleFactory.create(user=learner, course_id=COURSE_ID.lower()),
    ]
    revoke_course_role(learner, COURSE_ID, "staff")
    assert list(CourseStaffRole.objects.order_by("pk")) == others


def test_a_course_id_that_is_longer_than_any_is_refused(learner: User) -> None:
    with pytest.raises(InvalidCourseRole, match="course id"):
        grant_course_role(learner, "c" * 256, "staff")
    grant_course_role(learner, "c" * 255, "staff")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"full_name": "Ada Lovelace", "first_name": "A", "last_name": "L"}, "Ada Lovelace"),
        ({"full_name": "", "first_name": "Ada", "last_name": "King"}, "Ada King"),
        ({"full_name": ""}, ""),
    ],
)
def test_a_persons_full_name_is_the_one_that_the_lms_sends(fields: dict[str, str], name: str) -> None:
    assert User(**fields).get_full_name() == name
