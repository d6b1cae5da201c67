# SPDX-License-Identifier: AGPL-3.0-only
"""Course teams follow the platform's role events in the order in which they arrive, however often."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from edx_exams.apps.core.exceptions import ExamBaseException
from edx_exams.apps.core.models import CourseStaffRole, User
from edx_exams.apps.events.incoming import Incoming, current_message
from tests.conftest import CountStatements
from tests.events.role_events import RoleEvent, added, removed
from tests.factories import COURSE_ID, UserFactory

pytestmark = pytest.mark.django_db

#: Locks, reads and writes of one event for someone known, with the transaction's own two statements.
STATEMENTS = 9


def roles_of(username: str = "ada") -> set[tuple[str, str | None]]:
    return set(CourseStaffRole.objects.filter(user__username=username).values_list("course_id", "role"))


@pytest.mark.parametrize("role", ["staff", "instructor", "limited_staff"])
def test_a_role_given_in_the_lms_is_a_role_here(role: str) -> None:
    added(role=role).arrive()
    assert roles_of() == {(COURSE_ID, role)}
    assert User.objects.get(username="ada").has_course_staff_permission(COURSE_ID)


def test_a_role_taken_in_the_lms_is_taken_here() -> None:
    added(role="staff", minute=1).arrive()
    added(role="instructor", minute=2).arrive()
    removed(role="staff", minute=3).arrive()
    assert roles_of() == {(COURSE_ID, "instructor")}


@pytest.mark.parametrize("role", ["beta_testers", "org_staff", "", "STAFF", "x" * 255])
def test_other_roles_are_ignored(role: str) -> None:
    added(role=role).arrive()
    removed(role=role).arrive()
    assert not CourseStaffRole.objects.exists()
    assert not User.objects.exists()


def test_someone_unknown_is_made_known_with_what_the_event_carries() -> None:
    added(username="grace", email="grace@example.com", lms_user_id=5).arrive()
    user = User.objects.get(username="grace")
    assert (user.email, user.lms_user_id) == ("grace@example.com", 5)
    assert not user.has_usable_password()
    assert not user.is_staff
    assert not user.is_superuser


def test_someone_known_gets_the_id_and_address_that_they_lack() -> None:
    UserFactory.create(username="ada", email="", lms_user_id=None, full_name="Ada L.")
    added(email="ada@example.com", lms_user_id=77).arrive()
    user = User.objects.get(username="ada")
    assert (user.email, user.lms_user_id, user.full_name) == ("ada@example.com", 77, "Ada L.")


def test_an_operators_account_gets_no_id_from_an_event() -> None:
    UserFactory.create(username="ada", email="", lms_user_id=None, is_staff=True)
    with pytest.raises(ExamBaseException, match="operators"):
        added(email="ada@example.com", lms_user_id=77).arrive()
    assert User.objects.get().lms_user_id is None


def test_what_is_known_of_someone_stays() -> None:
    UserFactory.create(username="ada", email="old@example.com", lms_user_id=77)
    added(email="new@example.com", username="countess", lms_user_id=77).arrive()
    removed(email="new@example.com", username="countess", lms_user_id=77, minute=1).arrive()
    user = User.objects.get()
    assert (user.username, user.email, user.lms_user_id) == ("ada", "old@example.com", 77)


def test_somebody_elses_name_brings_nobody_their_role() -> None:
    holder = UserFactory.create(username="ada", lms_user_id=4)
    added(lms_user_id=77).arrive()
    assert roles_of("ada") == set()
    newcomer = User.objects.get(lms_user_id=77)
    assert roles_of(newcomer.username) == {(COURSE_ID, "staff")}
    assert newcomer.pk != holder.pk


@pytest.mark.parametrize("event", [added(), removed()], ids=["added", "removed"])
def test_handling_twice_is_handling_once(event: RoleEvent) -> None:
    event.arrive()
    once = roles_of()
    event.arrive()
    assert roles_of() == once
    assert User.objects.count() == 1


def test_changes_are_applied_in_the_order_of_their_arrival_whatever_clocks_say() -> None:
    added(minute=30).arrive()
    removed(minute=10).arrive()
    assert roles_of() == set()
    added(minute=20).arrive()
    assert roles_of() == {(COURSE_ID, "staff")}


class TestAMessageThatComesLate:
    """A retry on Kafka, an older entry on Redis: newer changes stay."""

    @pytest.fixture
    def handle(self) -> Callable[..., None]:
        """Delivers an event with the position of its message."""

        def deliver(event: RoleEvent, **position: Any) -> None:
            message = Incoming("topic", 0, 0, None, None, (), None, **position)
            token = current_message.set(message)
            try:
                event.arrive()
            finally:
                current_message.reset(token)

        return deliver

    def test_a_retry_after_a_newer_change_changes_nothing(self, handle: Callable[..., None]) -> None:
        received = timezone.now() - timedelta(seconds=1)
        handle(removed())
        handle(added(), received=received)
        assert roles_of() == set()

    def test_a_retry_of_the_latest_change_is_applied(self, handle: Callable[..., None]) -> None:
        handle(removed())
        handle(added(), received=timezone.now() + timedelta(seconds=1))
        assert roles_of() == {(COURSE_ID, "staff")}

    @pytest.mark.parametrize(
        ("first", "second", "roles"),
        [("9-0", "10-0", set()), ("10-2", "10-10", set()), ("10-0", "9-9", {(COURSE_ID, "staff")})],
    )
    def test_an_older_entry_of_the_stream_is_dropped_and_logged(
        self, first: str, second: str, roles: set[Any], handle: Callable[..., None], caplog: pytest.LogCaptureFixture
    ) -> None:
        handle(added(), stream_id=first)
        handle(removed(), stream_id=second)
        assert roles_of() == roles
        assert ("a newer one was applied" in caplog.text) == bool(roles)


def test_somebody_who_was_retired_gets_no_role() -> None:
    UserFactory.create(username="ada", lms_user_id=77, is_active=False)
    added().arrive()
    assert roles_of() == set()


def test_roles_courses_and_people_don_t_disturb_each_other() -> None:
    other = "course-v1:Acme+BIO102+2026"
    removed(role="staff", minute=9).arrive()
    added(role="instructor", minute=1).arrive()
    added(role="staff", course_id=other, minute=1).arrive()
    added(role="staff", username="grace", lms_user_id=78, minute=1).arrive()
    assert roles_of("ada") == {(COURSE_ID, "instructor"), (other, "staff")}
    assert roles_of("grace") == {(COURSE_ID, "staff")}


@pytest.mark.parametrize(
    "event",
    [
        added(username="a" * 300),
        added(username=""),
        added(username="a\0b"),
        added(username="ada "),
        added(email=f"{'a' * 300}@example.com"),
        added(lms_user_id=2**31),
        added(lms_user_id=-1),
        added(course_id=f"course-v1:Acme+{'B' * 300}+2026"),
        added(role="staff "),
        added(role="\tinstructor"),
        added(role="x" * 256),
    ],
    ids=[
        "long name",
        "no name",
        "name with NUL",
        "name and blank",
        "long address",
        "large id",
        "no id",
        "long course",
        "role and blank",
        "tab and role",
        "long role",
    ],
)
def test_what_cannot_be_stored_is_refused_whole(event: RoleEvent) -> None:
    with pytest.raises(ExamBaseException) as refusal:
        event.arrive()
    assert event.username not in str(refusal.value) or not event.username
    assert not CourseStaffRole.objects.exists()


@pytest.mark.parametrize("others", [0, 20])
def test_an_event_costs_the_same_whatever_else_there_is(others: int, at_most: CountStatements) -> None:
    UserFactory.create(username="ada", lms_user_id=77)
    for n in range(others):
        added(course_id=f"course-v1:Acme+BIO{n}+2026").arrive()
        added(username=f"other{n}", lms_user_id=100 + n).arrive()
    with at_most(STATEMENTS):
        added(minute=1).arrive()
    with at_most(STATEMENTS):
        removed(minute=2).arrive()
