# SPDX-License-Identifier: AGPL-3.0-only
"""
Introductions: what the LMS says of somebody, by a token, by sign-on, by an event.

Usernames change and are given to others in the LMS, ids never. So an introduction without an id, or of an unknown age,
can do less than another.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from edx_exams.apps.core.exceptions import PersonRefused
from edx_exams.apps.core.limits import MAX_INTEGER, concrete_field, has_outer_blanks, is_storable
from edx_exams.apps.core.models import User
from edx_exams.apps.core.prepared import Prepared
from edx_exams.apps.core.unstorable_text import storable, without_surrogates

#: Parts the name that somebody had from the id of their row. No username of the LMS has it.
ASIDE_MARK: Final = "~"
#: Characters that are kept of a name that somebody had.
_KEPT_OF_NAME: Final = 100

_of_name: Final = Prepared(User, lambda name: User.objects.filter(username=name), str)
_of_id: Final = Prepared(User, lambda number: User.objects.filter(lms_user_id=number), int)


class Introduction(NamedTuple):
    """
    The LMS's claims about a person.

    :param lms_user_id: None in the tokens of workers
    :param attributes: values of the user's further fields, by field name; what it does not say is absent
    :param administrator: it says that they are global staff
    :param issued_at: when the LMS said so (a token's `iat`, aware). None for events, lists and whatever else comes
        late or again: it renames nobody, and only fills in what is not known yet
    :param is_worker: it is signed with the secret that the LMS shares with services; a browser's never is
    """

    lms_user_id: int | None
    username: str
    attributes: Mapping[str, Any]
    administrator: bool
    issued_at: datetime | None
    is_worker: bool

    def names_by_id(self, row: User) -> bool:
        """Tell whether the row has the LMS user id that is introduced."""
        return self.lms_user_id is not None and row.lms_user_id == self.lms_user_id

    def may_rename(self, rows: Iterable[User]) -> bool:
        """Tell whether it is newer than the last change of name of everybody concerned."""
        issued_at = self.issued_at
        return issued_at is not None and all(_knows_name_of(row, self.username, issued_at) for row in rows)


def _knows_name_of(row: User, username: str, issued_at: datetime) -> bool:
    """Tell whether the LMS can have said this name after the row's last change of name."""
    if row.renamed_at is None or row.renamed_at < issued_at:
        return True
    # Tokens count in seconds. In that very second a row that stepped aside can only have a name that is new.
    has_stepped_aside = ASIDE_MARK in row.username
    return row.renamed_at == issued_at and has_stepped_aside and not row.username.startswith(_aside(username, row.pk))


def rows_of(introduced: Introduction, look_up: Callable[[int], list[User]] | None = None) -> list[User]:
    """
    Rows that have the LMS user id or the name, in the order of their own ids.

    One statement for somebody who has both, or whose id nobody has told; two for others. Names are compared to the
    letter, whatever the database does.

    :param look_up: finds the rows with an LMS user id, where something is wanted along with the person
    """
    name, number = introduced.username, introduced.lms_user_id
    rows = {} if number is None else {row.pk: row for row in (look_up or _of_id)(number)}
    if all(row.username != name for row in rows.values()):
        rows = {row.pk: row for row in _of_name(name) if row.username == name} | rows
    return [row for _, row in sorted(rows.items())]


# What can be kept


def kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what can be kept of the values of a user's fields.

    Names lose characters that no column holds. An e-mail address without some of them would be another address,
    somebody else's perhaps: then none came.
    """
    texts = {name: without_surrogates(value) if isinstance(value, str) else value for name, value in attributes.items()}
    email = attributes.get("email")
    if isinstance(email, str) and (not email or email != storable(email, User, "email")):
        del texts["email"]
    return texts


def require_valid(introduced: Introduction) -> None:
    """
    Refuse what cannot be kept, without quoting it: refusals are logged, and a name may be in it.

    :raises PersonRefused: the name, the id or a value is not one that can be kept
    """
    if fault := username_fault(introduced.username):
        message = f"The username is not valid: {fault}."
        raise PersonRefused(message)
    if introduced.lms_user_id is not None and not 0 < introduced.lms_user_id <= MAX_INTEGER:
        message = "The LMS user id is not valid."
        raise PersonRefused(message)
    for name, value in introduced.attributes.items():
        if not is_storable(value, concrete_field(User, name)):
            message = f"The person's {name} cannot be stored: it is too long or otherwise out of bounds."
            raise PersonRefused(message)


def username_fault(username: str) -> str | None:
    """Return what keeps a username from being kept, in words that do not quote it; None if nothing does."""
    if not username or not is_storable(username, User._meta.get_field("username")):
        return "it is empty, too long, or holds what is no text"
    if has_outer_blanks(username):
        return "it begins or ends with white space"
    if ASIDE_MARK in username:
        return f"it holds “{ASIDE_MARK}”"
    return None


# Names that somebody had


def _aside(username: str, user_id: int) -> str:
    return f"{username[:_KEPT_OF_NAME]}{ASIDE_MARK}{user_id}"


def aside_name(username: str, user_id: int) -> str:
    """Return a name that nobody has, for a row whose username is somebody else's now."""
    name, number = _aside(username, user_id), 1
    while User.objects.filter(username=name).exists():  # an old row, or one that an operator called so
        number += 1
        name = f"{_aside(username, user_id)}{ASIDE_MARK}{number}"
    return name
