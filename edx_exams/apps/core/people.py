"""
The resolver of persons: the one place where a name and an LMS user id become a person.

A person is the LMS's user id where it is known, and the username otherwise. Usernames change and are given to others in
the LMS, ids never: rights stay with the id.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone
from social_django.models import UserSocialAuth

from edx_exams.apps.core.characters import storable, without_surrogates
from edx_exams.apps.core.exceptions import DatabaseBusy, PersonRefused
from edx_exams.apps.core.limits import MAX_INTEGER, concrete_field, has_outer_blanks, is_storable
from edx_exams.apps.core.models import CourseStaffRole, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.prepared import Prepared
from edx_exams.apps.core.transactions import lock_users, write_transaction

log = logging.getLogger(__name__)

_NOT_VALID: Final = "The username is not valid: {}."
#: Parts the name that somebody had from the id of their row. No username of the LMS has it.
ASIDE_MARK: Final = "~"
#: Characters that are kept of a name that somebody had.
_KEPT_OF_NAME: Final = 100
#: Times that somebody is looked up again after another request has written the same person.
_TRIES: Final = 4
_of_name: Final = Prepared(User, lambda name: User.objects.filter(username=name), str)
_of_name_or_id: Final = Prepared(
    User, lambda name, number: User.objects.filter(Q(username=name) | Q(lms_user_id=number)), str, int
)


class Introduction(NamedTuple):
    """
    The LMS's claims about a person.

    :param lms_user_id: None in the tokens of workers
    :param attributes: values of the user's further fields, by field name; what it does not say is absent
    :param administrator: it says that they are global staff
    :param issued_at: when the LMS said so (a token's `iat`, aware). None for events, lists and whatever else comes
        late or again: it renames nobody, and only fills in what is not known yet
    """

    lms_user_id: int | None
    username: str
    attributes: Mapping[str, Any]
    administrator: bool
    issued_at: datetime | None


class _WrittenMeanwhile(Exception):
    """Another request has written the same person since we looked."""


def person(
    lms_user_id: int | None,
    username: str,
    *,
    attributes: Mapping[str, Any] | None = None,
    administrator: bool = False,
    issued_at: datetime | None = None,
) -> User:
    """
    Find the person whom the LMS means, make them known where they are not, and bring them up to date.

    One statement for somebody known of whom nothing has changed. Whoever is not active is returned unchanged: the
    caller decides what that means. Parameters as in `Introduction`. It runs transactions of its own: call it outside
    of any, or its locks come after the caller's.

    :raises PersonRefused: the name is not one that can be kept, or it is that of an operator's own account
    :raises DatabaseBusy: others kept writing the same person
    """
    clean = {
        name: without_surrogates(value) if isinstance(value, str) else value
        for name, value in (attributes or {}).items()
    }
    introduced = Introduction(lms_user_id, username, clean, administrator, issued_at)
    _require_valid(introduced)
    for _ in range(_TRIES):
        rows = _rows(introduced)
        known = _known(rows, introduced)
        try:
            if known is None:
                known = _settle(introduced, [row.pk for row in rows])
            return _brought_up_to_date(known, introduced)
        except (IntegrityError, _WrittenMeanwhile):
            continue
    raise DatabaseBusy


def username_fault(username: str, *, may_be_aside: bool = False) -> str | None:
    """
    Return what keeps a username from being kept, in words that do not quote it; None if nothing does.

    :param may_be_aside: it may have the mark of a name that somebody had
    """
    if not username or not is_storable(username, User._meta.get_field("username")):
        return "it is empty, too long, or holds what is no text"
    if has_outer_blanks(username):
        return "it begins or ends with white space"
    if ASIDE_MARK in username and not may_be_aside:
        return f"it holds “{ASIDE_MARK}”"
    return None


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


def is_own_account(user: User) -> bool:
    """Tell whether an operator made this account, or a worker uses it."""
    return user.is_staff or has_rights_of_its_own(user)


def has_rights_of_its_own(user: User) -> bool:
    """Tell whether an operator gave this account a password or rights that no token gives."""
    return (
        (bool(user.password) and user.has_usable_password())
        or user.is_superuser
        or user.groups.exists()
        or user.user_permissions.exists()
    )


# Looking


def _require_valid(introduced: Introduction) -> None:
    """Refuse what cannot be kept, without quoting it: refusals are logged, and a name may be in it."""
    username, lms_user_id = introduced.username, introduced.lms_user_id
    if fault := username_fault(username, may_be_aside=lms_user_id is not None):
        raise PersonRefused(_NOT_VALID.format(fault))
    if lms_user_id is not None and not 0 < lms_user_id <= MAX_INTEGER:
        message = "The LMS user id is not valid."
        raise PersonRefused(message)
    for name, value in introduced.attributes.items():
        if not is_storable(value, concrete_field(User, name)):
            message = f"The person's {name} cannot be stored: it is too long or otherwise out of bounds."
            raise PersonRefused(message)


def _rows(introduced: Introduction) -> list[User]:
    """Rows that have the id or the name, by id: one statement. Compared to the letter, whatever the database does."""
    name, number = introduced.username, introduced.lms_user_id
    users = _of_name(name) if number is None else _of_name_or_id(name, number)
    users.sort(key=lambda user: user.pk)
    return [user for user in users if introduced.username == user.username or _has_id(user, introduced)]


def _has_id(row: User, introduced: Introduction) -> bool:
    return introduced.lms_user_id is not None and row.lms_user_id == introduced.lms_user_id


def _known(rows: Sequence[User], introduced: Introduction) -> User | None:
    """The person, where nothing but their details can have changed; None where there is something to settle."""
    by_id = [row for row in rows if _has_id(row, introduced)]
    if len(by_id) > 1:
        _warn_of_duplicates(introduced.lms_user_id)
    if by_id:
        same_name = [row for row in by_id if row.username == introduced.username]
        if same_name or (len(by_id) == 1 and not _may_rename(rows, introduced)):
            return (same_name or by_id)[0]
        return None
    if introduced.lms_user_id is None and rows:
        _require_not_local_account(rows[0], introduced)
        return rows[0]
    return None


@lru_cache(maxsize=1024)
def _warn_of_duplicates(lms_user_id: int | None) -> None:
    """Say it once for each id: the cache remembers."""
    log.warning("Several rows of core_user have the LMS user id %s; see the admin's users.", lms_user_id)


def _may_rename(rows: Sequence[User], introduced: Introduction) -> bool:
    """Tell whether the introduction is newer than the last change of name of everybody concerned."""
    issued_at = introduced.issued_at
    return issued_at is not None and all(_knows_name_of(row, introduced.username, issued_at) for row in rows)


def _knows_name_of(row: User, username: str, issued_at: datetime) -> bool:
    """Tell whether the LMS can have said this name after the row's last change of name."""
    if row.renamed_at is None or row.renamed_at < issued_at:
        return True
    # Tokens count in seconds. In that very second a row that stepped aside can only have a name that is new.
    aside = row.username == aside_name(username, row.pk)
    return row.renamed_at == issued_at and ASIDE_MARK in row.username and not aside


# Settling


@write_transaction
def _settle(introduced: Introduction, seen: Sequence[int]) -> User:
    """
    Decide who it is where that takes writing: a new id, a new name, a new row.

    :param seen: ids of the rows that were found before; they are locked, and must still be the same then
    """
    lock_users(seen)
    rows = _rows(introduced)
    if [row.pk for row in rows] != list(seen):
        raise _WrittenMeanwhile
    holder = next((row for row in rows if row.username == introduced.username), None)
    by_id = [row for row in rows if _has_id(row, introduced)]
    if by_id:
        known = holder if holder in by_id else _of_several(by_id)
        if known is not holder and known.is_active and _may_rename(rows, introduced):
            _rename(known, holder, introduced)
        return known
    if holder is None:
        user = _create(introduced)
    elif holder.lms_user_id is None:
        user = _take_up(holder, introduced)
    else:
        user = _take_place_of(holder, introduced)
    _require_only_row_of_id(introduced.lms_user_id)
    return user


def _of_several(rows: Sequence[User]) -> User:
    """The row of somebody who has several: the one with the newest attempt, else the oldest row."""
    if len(rows) == 1:
        return rows[0]
    attempts = ExamAttempt.objects.filter(user__in=rows).order_by("-created", "-pk")
    newest = attempts.values_list("user_id", flat=True).first()
    return next((row for row in rows if row.pk == newest), rows[0])


def _rename(known: User, holder: User | None, introduced: Introduction) -> None:
    """Give somebody the name that the LMS calls them by now; whoever has it here steps aside."""
    if holder is not None:
        if holder.lms_user_id is None:
            _require_not_own_account(holder, introduced)
            if holder.is_active and not _is_somebody_else(holder, introduced):
                _hand_over(holder, known)
        _step_aside(holder, introduced)
    _forget_associations(known)
    known.username = introduced.username
    known.renamed_at = introduced.issued_at
    known.save(update_fields=["username", "renamed_at"])
    log.info("User %d was renamed in the LMS.", known.pk)


def _take_up(holder: User, introduced: Introduction) -> User:
    """Learn the id of somebody who was known by name alone, unless it is somebody else's name by now."""
    if introduced.lms_user_id is None:
        return holder
    _require_not_own_account(holder, introduced)
    if _is_somebody_else(holder, introduced):
        return _take_place_of(holder, introduced)
    if holder.is_active:
        holder.lms_user_id = introduced.lms_user_id
        holder.save(update_fields=["lms_user_id"])
    return holder


def _take_place_of(holder: User, introduced: Introduction) -> User:
    """Make a row for somebody whose name another has here. The holder keeps everything but the name."""
    if _may_rename([holder], introduced):
        _step_aside(holder, introduced)
        return _create(introduced)
    return _create(introduced, aside=True)


def _require_not_own_account(holder: User, introduced: Introduction) -> None:
    """
    Keep an operator's account, or a worker's, from whoever registers its name in the LMS.

    :raises PersonRefused: they are not an administrator of the platform
    """
    if not introduced.administrator and is_own_account(holder):
        log.warning("Refused: user %d is an operator's own account, and who comes is no administrator.", holder.pk)
        message = "This username belongs to an account of this service's operators. Please ask them for another one."
        raise PersonRefused(message)


def _require_not_local_account(row: User, introduced: Introduction) -> None:
    """
    Keep an account that signs in here, or a superuser's, from a token that names it without an id: it would change it.

    :raises PersonRefused: whose token it is, is not an administrator of the platform
    """
    signs_in_here = row.is_superuser or (bool(row.password) and row.has_usable_password())
    if signs_in_here and introduced.issued_at is not None:
        _require_not_own_account(row, introduced)


def _is_somebody_else(holder: User, introduced: Introduction) -> bool:
    """
    Tell whether a row without an id has the e-mail address of another person.

    A row of a course's team is nobody's who shows no address: a token can be asked for without one.
    """
    email = introduced.attributes.get("email") or ""
    if not holder.email or holder.email.casefold() == email.casefold():
        return False
    return bool(email) or holder.coursestaffrole_set.exists()


def _step_aside(row: User, introduced: Introduction) -> None:
    """Free a row's name for somebody else. Attempts, roles and id stay with the row."""
    _forget_associations(row)
    row.username = aside_name(row.username, row.pk)
    row.renamed_at = introduced.issued_at or timezone.now()
    row.save(update_fields=["username", "renamed_at"])
    log.info("User %d has stepped aside: the LMS has given the name to somebody else.", row.pk)


def aside_name(username: str, user_id: int) -> str:
    """Name of a row whose username is somebody else's now."""
    return f"{username[:_KEPT_OF_NAME]}{ASIDE_MARK}{user_id}"


def _hand_over(old: User, new: User) -> None:
    """Move roles and allowances from a row that is no longer used; of two allowances the larger stays."""
    roles = CourseStaffRole.objects.filter(user=old)
    CourseStaffRole.objects.bulk_create(
        [CourseStaffRole(user=new, course_id=role.course_id, role=role.role) for role in roles], ignore_conflicts=True
    )
    roles.delete()
    theirs = {allowance.exam_id: allowance for allowance in StudentAllowance.objects.filter(user=new)}
    for allowance in StudentAllowance.objects.filter(user=old):
        other = theirs.get(allowance.exam_id)
        if other is None:
            allowance.user = new
            allowance.save(update_fields=["user", "modified"])
            continue
        if allowance.extra_time_mins > other.extra_time_mins:  # of a multiplier: what it gave when it was written
            other.extra_time_mins, other.time_multiplier = allowance.extra_time_mins, allowance.time_multiplier
        other.review_policy_exception = other.review_policy_exception or allowance.review_policy_exception
        other.save(update_fields=["extra_time_mins", "time_multiplier", "review_policy_exception", "modified"])
        allowance.delete()


def _forget_associations(row: User) -> None:
    """Drop what remembers log-ins by the name that this row has: the name will be somebody else's."""
    UserSocialAuth.objects.filter(user_id=row.pk).delete()


def _create(introduced: Introduction, *, aside: bool = False) -> User:
    """
    Make a row for somebody new.

    :param aside: the name is another's, so the row gets one that nobody has
    """
    user = User(
        username=f"{ASIDE_MARK}{uuid.uuid4()}" if aside else introduced.username,
        lms_user_id=introduced.lms_user_id,
        password=make_password(None),
        **{name: _kept(name, value) for name, value in introduced.attributes.items()},
    )
    user.save(force_insert=True)
    if aside:
        user.username = aside_name(introduced.username, user.pk)
        user.save(update_fields=["username"])
    return user


def _require_only_row_of_id(lms_user_id: int | None) -> None:
    """
    Keep to one row for an id: no unique constraint can, for old databases hold several.

    The search finds at least the row just written. Two transactions that wrote one each wait for each other here, so
    that the database lets one of them win; the other runs again and finds the winner's.
    """
    if lms_user_id is None:
        return
    rows = User.objects.select_for_update().filter(lms_user_id=lms_user_id).order_by("pk")
    if len(rows.values_list("pk", flat=True)) > 1:
        raise _WrittenMeanwhile


# Keeping up to date


def _brought_up_to_date(user: User, introduced: Introduction) -> User:
    """Store what the introduction says that differs: all of it if it is the LMS's word of now, else what is missing."""
    if not user.is_active:
        return user
    changed = []
    for name, value in introduced.attributes.items():
        current = getattr(user, name)
        if introduced.issued_at is None and current not in ("", None):
            continue
        if current != value and current != (value := _kept(name, value)):
            setattr(user, name, value)
            changed.append(name)
    if changed:
        user.save(update_fields=changed)
    return user


def _kept(name: str, value: Any) -> Any:
    """A value without the characters that its column cannot hold."""
    return storable(value, User, name) if isinstance(value, str) else value
