# SPDX-License-Identifier: AGPL-3.0-only
"""
The resolver of persons: the one place where a name and an LMS user id become a person.

A person is the LMS's user id where it is known, and the username otherwise. Usernames change and are given to others in
the LMS, ids never: rights stay with the id. What comes in is an `Introduction`; here it is looked up, and what it says
is kept; where that takes a new id, name or row, `settling` decides.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError

from edx_exams.apps.core.exceptions import DatabaseBusy
from edx_exams.apps.core.introductions import Introduction, kept, require_valid, rows_of
from edx_exams.apps.core.models import User
from edx_exams.apps.core.own_accounts import has_any_right, has_rights_of_its_own, require_known_by_name
from edx_exams.apps.core.settling import WrittenMeanwhile, kept_by_column, settle
from edx_exams.apps.core.transactions import write_transaction
from edx_exams.apps.core.unstorable_text import storable

log = logging.getLogger(__name__)

#: Times that somebody is looked up again after another request has written the same person.
_TRIES: Final = 4


def person(
    lms_user_id: int | None,
    username: str,
    *,
    attributes: Mapping[str, Any] | None = None,
    administrator: bool = False,
    issued_at: datetime | None = None,
    is_worker: bool = False,
    look_up: Callable[[int], list[User]] | None = None,
) -> User:
    """
    Find the person whom the LMS means, make them known where they are not, and bring them up to date.

    One statement for somebody known of whom nothing has changed. Whoever is not active is returned unchanged: the
    caller decides what that means. Parameters as in `Introduction`. It runs transactions of its own: call it outside
    of any, or its locks come after the caller's.

    :param look_up: as of `rows_of`
    :raises PersonRefused: the name is not one that can be kept, it is that of an operator's own account, or it alone
        is not enough
    :raises DatabaseBusy: others kept writing the same person
    """
    introduced = Introduction(lms_user_id, username, kept(attributes or {}), administrator, issued_at, is_worker)
    require_valid(introduced)
    for _ in range(_TRIES):
        rows = rows_of(introduced, look_up)
        known = _known(rows, introduced)
        try:
            if known is None:
                known = settle(introduced, [row.pk for row in rows])
            return _brought_up_to_date(known, introduced)
        except (IntegrityError, WrittenMeanwhile):
            continue
    raise DatabaseBusy


@write_transaction
def make_known(emails: Mapping[str, str], *, pretend: bool = False) -> dict[str, User]:
    """
    Find people of whom only the username is known, and make those who are not there: three statements for any number.

    :param emails: e-mail addresses by username; a person who exists keeps what they have
    :param pretend: store nobody; who is not there has no id
    :returns: people by username
    """
    wanted = User.objects.filter(username__in=emails)
    # Compared to the letter, whatever the database does.
    known = {user.username: user for user in wanted if user.username in emails}
    missing = [
        User(username=username, email=storable(email, User, "email"), password=make_password(None))
        for username, email in emails.items()
        if username not in known
    ]
    if missing and not pretend:
        User.objects.bulk_create(missing, ignore_conflicts=True)  # another request may make one of them now
        return {user.username: user for user in User.objects.filter(username__in=emails) if user.username in emails}
    return {**known, **{user.username: user for user in missing}}


def _known(rows: Sequence[User], introduced: Introduction) -> User | None:
    """The person, where nothing but their details can have changed; None where there is something to settle."""
    by_id = [row for row in rows if introduced.names_by_id(row)]
    if len(by_id) > 1:
        _warn_of_duplicates(introduced.lms_user_id)
    if by_id:
        same_name = [row for row in by_id if row.username == introduced.username]
        if same_name or (len(by_id) == 1 and not introduced.may_rename(rows)):
            return (same_name or by_id)[0]
        return None
    if introduced.lms_user_id is None and rows:
        require_known_by_name(rows[0], introduced)
        return rows[0]
    return None


@lru_cache(maxsize=1024)
def _warn_of_duplicates(lms_user_id: int | None) -> None:
    """Say it once for each id: the cache remembers."""
    log.warning("Several rows of core_user have the LMS user id %s; see the admin's users.", lms_user_id)


# Keeping up to date


def _brought_up_to_date(user: User, introduced: Introduction) -> User:
    """
    Store what the introduction says that differs, as far as its word counts.

    :raises WrittenMeanwhile: another request has stored something that the LMS said at another time
    """
    if not user.is_active or is_outdated(user, introduced.issued_at):
        return user
    changed = {}
    for name, value in introduced.attributes.items():
        current = getattr(user, name)
        if current != value and current != (value := kept_by_column(name, value)):
            changed[name] = value
    if changed and (changed := _allowed(user, introduced, changed)):
        seen = user.told_at
        if introduced.issued_at is not None:
            changed["told_at"] = introduced.issued_at
        if not User.objects.filter(pk=user.pk, told_at=seen).update(**changed):
            raise WrittenMeanwhile
        for name, value in changed.items():
            setattr(user, name, value)
    return user


def is_outdated(user: User, issued_at: datetime | None) -> bool:
    """Tell whether something that the LMS said later has been stored of this person."""
    return issued_at is not None and user.told_at is not None and issued_at < user.told_at


def _allowed(user: User, introduced: Introduction, changed: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the changes that the introduction may make.

    Of events, which may be old, and of whoever comes by name alone, only what is not known yet is stored: an address
    that a name's newcomer brought would pass for the old owner's later.
    """
    if introduced.lms_user_id is not None and introduced.issued_at is not None:
        # Tokens count in seconds: of two of one second the one that takes rights away counts.
        is_too_late = user.told_at == introduced.issued_at
        return {name: value for name, value in changed.items() if not (name == "is_staff" and value and is_too_late)}
    allowed = {name: value for name, value in changed.items() if getattr(user, name) in ("", None)}
    if introduced.lms_user_id is not None:
        return allowed
    if allowed and (user.lms_user_id is not None or has_any_right(user)):
        allowed = {}
    if "is_staff" in changed and _may_change_rights_by_name(user, introduced, changed["is_staff"]):
        allowed["is_staff"] = changed["is_staff"]
    return allowed


def _may_change_rights_by_name(user: User, introduced: Introduction, is_staff: bool) -> bool:
    """Tell whether a worker becomes global staff here, or is it no more. Other rights than a worker's are let alone."""
    if not introduced.is_worker or introduced.issued_at is None or user.lms_user_id is not None:
        return False
    if is_staff:
        return user.told_at != introduced.issued_at and not has_any_right(user)
    return not has_rights_of_its_own(user)
