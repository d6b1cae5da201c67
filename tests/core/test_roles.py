"""Who belongs to a course's team."""

from collections.abc import Callable
from typing import Any

import pytest

from edx_exams.apps.core.api import (
    complete_person,
    get_or_create_person,
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


class TestPeople:
    """Whom events name before we have met them."""

    def test_a_person_whom_we_have_not_met_is_created_without_a_password(self) -> None:
        user = User.objects.get(pk=get_or_create_person("ada", email="ada@example.com", lms_user_id=7))
        assert (user.username, user.email, user.lms_user_id) == ("ada", "ada@example.com", 7)
        assert not user.has_usable_password()
        assert not user.is_staff

    def test_a_person_whom_we_know_is_not_changed(self, learner: User, statements_of: StatementsOf) -> None:
        ids = []
        read = statements_of(
            lambda: ids.append(get_or_create_person(learner.username, email="new@example.com", lms_user_id=1))
        )
        assert ids == [learner.pk]
        assert len(read) == 1
        assert User.objects.get().email == learner.email

    @pytest.mark.parametrize(
        ("changes", "what"),
        [
            ({"username": ""}, "username"),
            ({"username": "u" * 151}, "username"),
            ({"username": "nul\0"}, "username"),
            ({"email": f"{'e' * 250}@example.com"}, "e-mail"),
            ({"lms_user_id": 0}, "LMS user id"),
            ({"lms_user_id": 2**31}, "LMS user id"),
        ],
    )
    def test_who_cannot_be_stored_is_refused_without_being_quoted(self, changes: dict[str, Any], what: str) -> None:
        details: dict[str, Any] = {"username": "ada", "email": "ada@example.com", "lms_user_id": 7, **changes}
        username = details.pop("username")
        with pytest.raises(InvalidCourseRole, match=what) as refusal:
            get_or_create_person(username, **details)
        assert "ada@example.com" not in str(refusal.value)
        assert not User.objects.exists()

    def test_what_we_do_not_know_of_a_person_is_added_and_what_we_know_stays(self, statements_of: StatementsOf) -> None:
        unknown = UserFactory.create(email="", lms_user_id=None)
        complete_person(unknown, email="ada@example.com", lms_user_id=7)
        unknown.refresh_from_db()
        assert (unknown.email, unknown.lms_user_id) == ("ada@example.com", 7)
        assert statements_of(lambda: complete_person(unknown, email="other@example.com", lms_user_id=8)) == []
        assert (unknown.email, unknown.lms_user_id) == ("ada@example.com", 7)


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
