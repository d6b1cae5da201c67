# SPDX-License-Identifier: AGPL-3.0-only
"""The resolver of persons: every rule by which a name and an LMS user id become a person."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pytest
from django.contrib.auth.models import Group, Permission
from social_django.models import UserSocialAuth

from edx_exams.apps.core import people
from edx_exams.apps.core.exceptions import PersonRefused
from edx_exams.apps.core.models import CourseStaffRole, StudentAllowance, User
from edx_exams.apps.core.own_accounts import has_any_right
from edx_exams.apps.core.people import person
from tests.conftest import CountStatements
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    CourseStaffRoleFactory,
    ExamFactory,
    OldAttemptFactory,
    UserFactory,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db

NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EARLIER: Final = NOW - timedelta(minutes=30)
LATER: Final = NOW + timedelta(minutes=30)


class Row(NamedTuple):
    """Somebody who is in the table already, by the name under which the case speaks of them."""

    username: str
    lms_user_id: int | None = None
    email: str = ""
    renamed_at: datetime | None = None
    is_active: bool = True


class Case(NamedTuple):
    """A case: people before, the one who comes, people afterwards; names by the id of the row, 0 for a new one."""

    rows: Sequence[Row]
    comes: tuple[int | None, str]
    is_row: int
    names: Sequence[str]
    email: str = ""
    issued_at: datetime | None = NOW


def _names(users: Mapping[int, int]) -> list[str]:
    """Usernames by age of row, with the ids of their rows as the case counts them."""
    found = []
    for user in User.objects.order_by("pk"):
        name, mark, number = user.username.partition("~")
        found.append(f"{name}~{users[int(number)]}" if mark else name)
    return found


WIDE_BOB: Final = "\uff42ob"
BOB: Final = Row("bob", 5, "bob@example.com")
LISTED: Final = Row("bob", None, "bob@example.com")

CASES: Final[Mapping[str, Case]] = {
    "1: the id is known": Case([BOB], (5, "bob"), 1, ["bob"]),
    "1: the name was changed in the LMS": Case([BOB], (5, "robert"), 1, ["robert"]),
    "1: and by nothing but a token or SSO": Case([BOB], (5, "robert"), 1, ["bob"], issued_at=None),
    "1: a token from before the change changes nothing back": Case(
        [Row("robert", 5, renamed_at=NOW)], (5, "bob"), 1, ["robert"], issued_at=EARLIER
    ),
    "1: nor one of that moment": Case([Row("robert", 5, renamed_at=NOW)], (5, "bob"), 1, ["robert"]),
    "1: but one from after it does": Case(
        [Row("robert", 5, renamed_at=EARLIER)], (5, "bob"), 1, ["bob"], issued_at=NOW
    ),
    "1: whoever has the new name steps aside": Case([BOB, Row("robert", 6)], (5, "robert"), 1, ["robert", "robert~2"]),
    "1: not for a token from before they had it": Case(
        [BOB, Row("robert", 6, renamed_at=NOW)], (5, "robert"), 1, ["bob", "robert"], issued_at=EARLIER
    ),
    "1: somebody without an id steps aside too": Case([BOB, Row("robert")], (5, "robert"), 1, ["robert", "robert~2"]),
    "1: of several rows the one with the name": Case([Row("rob", 5), BOB], (5, "bob"), 2, ["rob", "bob"]),
    "1: of several rows the oldest": Case([Row("rob", 5), BOB], (5, "robert"), 1, ["robert", "bob"]),
    "1: of several rows the oldest, for an event": Case(
        [Row("rob", 5), BOB], (5, "robert"), 1, ["rob", "bob"], issued_at=None
    ),
    "1: names are compared to the letter": Case([BOB, Row("Robert", 6)], (5, "robert"), 1, ["robert", "Robert"]),
    "2: the id becomes known": Case([Row("bob")], (5, "bob"), 1, ["bob"]),
    "2: with the same address": Case([LISTED], (5, "bob"), 1, ["bob"], email="BOB@Example.com"),
    "2: without an address": Case([LISTED], (5, "bob"), 1, ["bob"]),
    "2: by an event": Case([LISTED], (5, "bob"), 1, ["bob"], email="bob@example.com", issued_at=None),
    "2: with another address it is somebody else": Case(
        [LISTED], (5, "bob"), 0, ["bob~1", "bob"], email="bob@elsewhere.example.com"
    ),
    "2: and for an event too, who renames nobody": Case(
        [LISTED], (5, "bob"), 0, ["bob", "bob~2"], email="bob@elsewhere.example.com", issued_at=None
    ),
    "3: the name was somebody else's": Case([BOB], (9, "bob"), 0, ["bob~1", "bob"]),
    "3: an event renames nobody": Case([BOB], (9, "bob"), 0, ["bob", "bob~2"], issued_at=None),
    "3: nor does a token from before the holder had the name": Case(
        [Row("bob", 5, renamed_at=NOW)], (9, "bob"), 0, ["bob", "bob~2"], issued_at=EARLIER
    ),
    "3: a name may be used up": Case([Row("b" * 150, 5)], (9, "b" * 150), 0, ["b" * 100 + "~1", "b" * 150]),
    "3: who stepped aside takes a new name": Case(
        [Row("bob~1", 5, renamed_at=NOW)], (5, "robert"), 1, ["robert"], issued_at=NOW
    ),
    "4: nobody is there": Case([], (5, "bob"), 0, ["bob"]),
    "4: nobody of that name": Case(
        [Row("Bob", 6), Row("bób", 7), Row(WIDE_BOB, 8)], (5, "bob"), 0, ["Bob", "bób", WIDE_BOB, "bob"]
    ),
    "4: by an event": Case([], (5, "bob"), 0, ["bob"], issued_at=None),
    "no id: the row of that name": Case([LISTED], (None, "bob"), 1, ["bob"]),
    "no id: in an event, the row of that name": Case([BOB], (None, "bob"), 1, ["bob"], issued_at=None),
    "no id: the row of exactly that name": Case([Row("Bob", 6)], (None, "bob"), 0, ["Bob", "bob"]),
    "no id: created": Case([], (None, "bob"), 0, ["bob"]),
    "not active: they stay as they are": Case([Row("bob", 5, is_active=False)], (5, "robert"), 1, ["bob"]),
    "not active: without an id too": Case([Row("bob", is_active=False)], (5, "bob"), 1, ["bob"]),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_who_it_is(what: str) -> None:
    case = CASES[what]
    users = [UserFactory.create(**row._asdict()) for row in case.rows]
    attributes = {"email": case.email} if case.email else {}
    for _ in (1, 2):  # the same again is the same person
        found = person(*case.comes, attributes=attributes, issued_at=case.issued_at)
        numbers = {user.pk: n for n, user in enumerate(User.objects.order_by("pk"), start=1)}
        assert found.pk == (users[case.is_row - 1].pk if case.is_row else max(numbers))
        assert _names(numbers) == list(case.names)
    found = person(*case.comes, attributes=attributes, issued_at=case.issued_at)
    stored = User.objects.get(pk=found.pk)
    if found.is_active:
        assert stored.lms_user_id == (case.comes[0] if case.comes[0] is not None else stored.lms_user_id)
    else:
        assert (stored.lms_user_id, stored.email) == (case.rows[0].lms_user_id, case.rows[0].email)


def _with_rights(user: User) -> User:
    CourseStaffRoleFactory.create(user=user)
    AllowanceFactory.create(user=user)
    OldAttemptFactory.create(user=user)
    return user


def _rights(user: User) -> tuple[int, int, int]:
    return user.coursestaffrole_set.count(), user.studentallowance_set.count(), user.examattempt_set.count()


@pytest.mark.parametrize(
    ("holder", "comes", "theirs", "left"),
    [
        (BOB, {"lms_user_id": 9}, (0, 0, 0), (1, 1, 1)),
        (LISTED, {"lms_user_id": 5, "email": "bob@example.com"}, (1, 1, 1), None),
        (LISTED, {"lms_user_id": 5, "email": "bob@elsewhere.example.com"}, (0, 0, 0), (1, 1, 1)),
        (LISTED, {"lms_user_id": 5}, (0, 0, 0), (1, 1, 1)),  # a token can be had without the address
        (Row("bob"), {"lms_user_id": 5, "email": "bob@example.com"}, (1, 1, 1), None),
    ],
)
@pytest.mark.parametrize("issued_at", [NOW, None])
def test_rights_stay_with_the_person(
    holder: Row,
    comes: dict[str, Any],
    theirs: tuple[int, int, int],
    left: tuple[int, int, int] | None,
    issued_at: datetime | None,
) -> None:
    old = _with_rights(UserFactory.create(**holder._asdict()))
    attributes = {name: value for name, value in comes.items() if name == "email"}
    found = person(comes["lms_user_id"], "bob", attributes=attributes, issued_at=issued_at)
    assert _rights(found) == theirs
    assert found.pk == old.pk if left is None else _rights(old) == left


@pytest.mark.parametrize(
    ("address", "comes_along"), [("ada@example.com", True), ("", True), ("other@example.com", False)]
)
def test_with_a_new_name_come_its_roles_and_allowances_and_no_attempts(address: str, comes_along: bool) -> None:
    ada = UserFactory.create(username="ada", lms_user_id=5, email="ada@example.com")
    listed = _with_rights(UserFactory.create(username="countess", lms_user_id=None, email=address))
    person(5, "countess", attributes={"email": "ada@example.com"}, issued_at=NOW)
    assert _rights(ada) == ((1, 1, 0) if comes_along else (0, 0, 0))
    assert _rights(listed) == ((0, 0, 1) if comes_along else (1, 1, 1))


def test_of_what_both_have_one_stays_and_the_larger_allowance() -> None:
    ada = UserFactory.create(username="ada", lms_user_id=5)
    listed = UserFactory.create(username="countess", lms_user_id=None, email=ada.email)
    exams = ExamFactory.create_batch(2)
    for user, minutes in ((ada, (10, 30)), (listed, (20, 20))):
        CourseStaffRoleFactory.create(user=user)
        for exam, extra in zip(exams, minutes, strict=True):
            AllowanceFactory.create(user=user, exam=exam, extra_time_mins=extra)
    person(5, "countess", attributes={"email": ada.email}, issued_at=NOW)
    assert CourseStaffRole.objects.get().user == ada
    assert list(StudentAllowance.objects.order_by("exam").values_list("user", "extra_time_mins")) == [
        (ada.pk, 20),
        (ada.pk, 30),
    ]


def _with_password(user: User) -> None:
    user.set_password("a local one")
    user.save()


OWN_ACCOUNTS: Final[Mapping[str, Callable[[User], Any]]] = {
    "a password": _with_password,
    "a group": lambda user: user.groups.add(Group.objects.create(name="operators")),
    "a permission": lambda user: user.user_permissions.add(Permission.objects.all()[0]),
    "staff": lambda user: User.objects.filter(pk=user.pk).update(is_staff=True),
    "superuser": lambda user: User.objects.filter(pk=user.pk).update(is_superuser=True),
}


@pytest.mark.parametrize("what", OWN_ACCOUNTS)
@pytest.mark.parametrize("other", [None, 7], ids=["someone new", "someone renamed"])
def test_an_operators_own_account_is_an_administrators_alone(
    what: str, other: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    account = UserFactory.create(username="operator", lms_user_id=None, email="")
    OWN_ACCOUNTS[what](account)
    if other:
        UserFactory.create(username="somebody", lms_user_id=7)
    before = list(User.objects.order_by("pk").values())
    for issued_at in (NOW, None) if other is None else (NOW,):
        with pytest.raises(PersonRefused, match="operators"):
            person(7, "operator", attributes={"email": "me@example.com"}, issued_at=issued_at)
    assert list(User.objects.order_by("pk").values()) == before
    assert f"user {account.pk} is an operator's own account" in caplog.text
    assert "operator1" not in caplog.text
    found = person(7, "operator", administrator=True, issued_at=NOW)
    assert (found.pk == account.pk) == (other is None)
    assert (found.username, found.lms_user_id) == ("operator", 7)


@pytest.mark.parametrize("password", ["", "!", "!unusable"])
def test_who_has_no_password_that_works_has_no_account_of_their_own(password: str) -> None:
    user = UserFactory.create(username="bob", lms_user_id=None, password=password)
    assert person(5, "bob", issued_at=NOW).pk == user.pk


def test_several_rows_of_one_id_are_said_once_and_the_newest_attempt_decides(
    caplog: pytest.LogCaptureFixture,
) -> None:
    people._warn_of_duplicates.cache_clear()
    old, new = (UserFactory.create(username=name, lms_user_id=4711) for name in ("bob", "robert"))
    submitted_attempt(user=old)
    submitted_attempt(user=new)
    for _ in range(3):
        assert person(4711, "bobby", issued_at=NOW).pk == new.pk
    assert caplog.text.count("LMS user id 4711") == 1
    assert list(User.objects.order_by("pk").values_list("username", flat=True)) == ["bob", "bobby"]


def test_log_ins_by_a_name_are_forgotten_with_the_name() -> None:
    bob, robert = (
        UserFactory.create(username="bob", lms_user_id=5),
        UserFactory.create(username="robert", lms_user_id=6),
    )
    for user in (bob, robert):
        UserSocialAuth.objects.create(user=user, provider="edx-oauth2", uid=user.username)
    person(5, "robert", issued_at=NOW)
    assert not UserSocialAuth.objects.exists()


def test_stepping_aside_never_clashes() -> None:
    """Old rows, and those that operators made, may be called as the one who steps aside would be."""
    bob = UserFactory.create(username="bob", lms_user_id=5)
    for taken in (f"bob~{bob.pk}", f"bob~{bob.pk}~2"):
        UserFactory.create(username=taken)
    assert person(9, "bob", issued_at=NOW).username == "bob"
    bob.refresh_from_db()
    assert bob.username == f"bob~{bob.pk}~3"


class Told(NamedTuple):
    """Words of tokens one after the other, with the seconds at which they were issued, and what is stored then."""

    tokens: Sequence[tuple[int, bool]]
    is_staff: bool


@pytest.mark.parametrize(
    "told",
    [
        Told([(10, True)], is_staff=True),
        Told([(10, False), (10, True)], is_staff=True),  # more rights in the second in which they were made
        Told([(10, True), (20, False)], is_staff=False),
        Told([(10, True), (20, False), (10, True)], is_staff=False),
        Told([(10, True), (10, False), (10, True)], is_staff=False),  # of one second: the one that takes away
        Told([(10, False), (20, True), (10, False)], is_staff=True),
        Told([(20, True), (10, False)], is_staff=True),
        Told([(10, True), (20, False), (30, True)], is_staff=True),
    ],
    ids=str,
)
@pytest.mark.parametrize("by_id", [True, False])
def test_an_older_token_does_not_give_back_what_a_newer_one_took(told: Told, by_id: bool) -> None:
    for second, is_staff in told.tokens:
        person(
            5 if by_id else None,
            "worker",
            attributes={"is_staff": is_staff},
            administrator=is_staff,
            issued_at=NOW + timedelta(seconds=second),
            is_worker=not by_id,
        )
    assert User.objects.get().is_staff == told.is_staff


def test_an_older_token_brings_no_older_details_back(at_most: CountStatements) -> None:
    for email, issued_at in (("a@example.com", EARLIER), ("b@example.com", NOW)):
        person(5, "bob", attributes={"email": email}, issued_at=issued_at)
    with at_most(1):
        found = person(5, "bob", attributes={"email": "a@example.com"}, issued_at=EARLIER)
    assert found.email == User.objects.get().email == "b@example.com"


@pytest.mark.parametrize(
    ("row", "right", "by_browser", "by_worker"),
    [
        (Row("bob"), None, True, True),
        (LISTED, None, True, True),
        (BOB, None, False, True),
        (Row("bob"), "staff", False, True),
        (Row("bob"), "a password", False, False),
        (Row("bob"), "superuser", False, False),
        (Row("bob"), "a group", False, True),
        (Row("bob"), "a permission", False, True),
        (LISTED, "a role", False, True),
    ],
)
@pytest.mark.parametrize("is_worker", [True, False])
def test_a_name_alone_gives_no_rights_and_changes_nothing_that_is_there(
    row: Row, right: str | None, by_browser: bool, by_worker: bool, is_worker: bool
) -> None:
    """An address that a name's newcomer brought would pass for the old owner's, once their id is known."""
    user = UserFactory.create(**row._asdict())
    if right == "a role":
        CourseStaffRoleFactory.create(user=user)
    elif right:
        OWN_ACCOUNTS[right](user)
    before = User.objects.values().get()
    says = {"email": "newcomer@example.com", "full_name": "Newcomer", "is_staff": True}

    def come(*, administrator: bool) -> User:
        attributes = {**says, "is_staff": administrator}
        return person(
            None, "bob", attributes=attributes, administrator=administrator, issued_at=NOW, is_worker=is_worker
        )

    if by_worker if is_worker else by_browser:
        assert come(administrator=False).pk == user.pk
    else:
        with pytest.raises(PersonRefused):
            come(administrator=False)
    after = User.objects.values().get()
    is_nobodys = right is None and row.lms_user_id is None
    assert after["full_name"] == before["full_name"]
    assert after["email"] == (before["email"] or ("newcomer@example.com" if is_nobodys else ""))
    assert after["is_staff"] == (before["is_staff"] and not (is_worker and right == "staff"))
    if is_worker:  # where nothing has been stored in that second, and the row is nobody's, it becomes staff
        come(administrator=True)
        assert User.objects.get().is_staff == (after["is_staff"] or (is_nobodys and bool(before["email"])))


@pytest.mark.parametrize("email", ["", "\ud83d", "\ud83da@example.com"])
def test_an_address_that_cannot_be_kept_as_it_is_did_not_come(email: str) -> None:
    """Without some of its characters it would be somebody else's."""
    listed = _with_rights(UserFactory.create(username="bob", lms_user_id=None, email="a@example.com"))
    newcomer = person(5, "bob", attributes={"email": email}, issued_at=NOW)
    assert newcomer.pk != listed.pk
    assert newcomer.email == ""
    known = UserFactory.create(username="ada", lms_user_id=6, email="ada@example.com")
    assert person(6, "ada", attributes={"email": email}, issued_at=NOW).email == known.email


def test_someone_who_comes_back_under_a_new_name_is_who_they_were() -> None:
    bob = _with_rights(UserFactory.create(username="bob", lms_user_id=5))
    newcomer = person(9, "bob", issued_at=NOW)
    assert person(5, "bob", issued_at=EARLIER).pk == bob.pk  # an old token, from before the name was freed
    assert User.objects.get(pk=newcomer.pk).username == "bob"
    assert person(5, "robert", issued_at=LATER).pk == bob.pk
    assert _rights(bob) == (1, 1, 1)
    assert set(User.objects.values_list("username", flat=True)) >= {"bob", "robert"}


def test_the_role_topic_replayed_renames_nobody_and_merges_nothing() -> None:
    """The history of one name: first somebody's, then another's, then a third person's."""
    history = [(1, "sam"), (2, "sam"), (3, "sam"), (1, "samuel"), (2, "sammy")]
    for lms_user_id, username in history:
        person(lms_user_id, username, issued_at=NOW + timedelta(minutes=len(username) + lms_user_id))
    before = set(User.objects.values_list("pk", "username", "lms_user_id"))
    assert {(name, lms_user_id) for _, name, lms_user_id in before} == {("samuel", 1), ("sammy", 2), ("sam", 3)}
    for lms_user_id, username in history * 2:
        assert person(lms_user_id, username, attributes={"email": "s@example.com"}).lms_user_id == lms_user_id
    assert set(User.objects.values_list("pk", "username", "lms_user_id")) == before


@pytest.mark.parametrize(
    ("lms_user_id", "username", "attributes"),
    [
        (5, "", {}), (5, " bob", {}), (5, "bob ", {}), (5, "bob\u3000", {}), (5, "\tbob", {}), (5, "b\0b", {}),
        (5, "\ud800", {}), (5, "b" * 151, {}), (0, "bob", {}), (-1, "bob", {}), (2**31, "bob", {}),
        (None, "bob~1", {}), (5, "bob~1", {}), (5, "~", {}), (5, "bob", {"email": "e" * 255}),
        (5, "bob", {"full_name": "\0"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("issued_at", [NOW, None])
def test_who_cannot_be_kept_is_refused_without_being_quoted(
    lms_user_id: int | None, username: str, attributes: dict[str, str], issued_at: datetime | None
) -> None:
    with pytest.raises(PersonRefused) as refusal:
        person(lms_user_id, username, attributes=attributes, issued_at=issued_at)
    assert "bob" not in str(refusal.value)
    assert not User.objects.exists()


def test_a_token_brings_details_up_to_date_and_an_event_what_is_missing() -> None:
    user = UserFactory.create(username="bob", lms_user_id=5, email="", full_name="Bob")
    person(5, "bob", attributes={"email": "bob@example.com", "full_name": "Robert"})
    user.refresh_from_db()
    assert (user.email, user.full_name) == ("bob@example.com", "Bob")
    person(5, "bob", attributes={"email": "rob@example.com", "full_name": "Robert"}, issued_at=NOW)
    user.refresh_from_db()
    assert (user.email, user.full_name) == ("rob@example.com", "Robert")


@pytest.mark.parametrize("name", ["Ada 😀 Lovelace", "𠮷田", "half \ud83d"])
def test_a_name_in_whatever_characters_lets_its_person_in(name: str, at_most: CountStatements) -> None:
    found = person(5, "bob", attributes={"full_name": name}, issued_at=NOW)
    assert found.full_name in (name, name.encode("utf-8", "ignore").decode(), *(name.replace(c, "") for c in "😀𠮷"))
    with at_most(1):
        assert person(5, "bob", attributes={"full_name": name}, issued_at=NOW) == found
    other = person(5, "bob", attributes={"full_name": f"{name}!"}, issued_at=NOW)
    assert User.objects.get().full_name == other.full_name == f"{found.full_name}!"


def test_someone_new_has_no_rights_and_no_password() -> None:
    user = User.objects.get(pk=person(5, "bob", attributes={"email": "bob@example.com"}).pk)
    assert not user.has_usable_password()
    assert not has_any_right(user)
    assert not user.has_course_staff_permission(COURSE_ID)


@pytest.mark.parametrize("issued_at", [NOW, None])
@pytest.mark.parametrize("lms_user_id", [5, None])
def test_somebody_known_costs_one_statement(
    issued_at: datetime | None, lms_user_id: int | None, at_most: CountStatements
) -> None:
    UserFactory.create(username="bob", lms_user_id=5)
    with at_most(1):
        person(lms_user_id, "bob", issued_at=issued_at, is_worker=lms_user_id is None)
