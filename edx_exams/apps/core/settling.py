# SPDX-License-Identifier: AGPL-3.0-only
"""
Settle who somebody is, where that takes writing: a new id, a new name, a new row.

Everything here happens in the one transaction of `settle`, whose rows are locked.
"""

import logging
import uuid
from collections.abc import Sequence

from django.contrib.auth.hashers import make_password
from django.utils import timezone
from social_django.models import UserSocialAuth

from edx_exams.apps.core.introductions import ASIDE_MARK, Introduction, aside_name, rows_of
from edx_exams.apps.core.models import CourseStaffRole, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.own_accounts import require_not_own_account
from edx_exams.apps.core.transactions import lock_users, write_transaction
from edx_exams.apps.core.unstorable_text import storable

log = logging.getLogger(__name__)


class WrittenMeanwhile(Exception):
    """Another request has written the same person since we looked."""


@write_transaction
def settle(introduced: Introduction, seen: Sequence[int]) -> User:
    """
    Decide who it is where that takes writing: a new id, a new name, a new row.

    :param seen: ids of the rows that were found before; they are locked, and must still be the same then
    """
    lock_users(seen)
    rows = rows_of(introduced)
    if [row.pk for row in rows] != list(seen):
        raise WrittenMeanwhile
    holder = next((row for row in rows if row.username == introduced.username), None)
    by_id = [row for row in rows if introduced.names_by_id(row)]
    if by_id:
        known = holder if holder in by_id else _of_several(by_id)
        if known is not holder and known.is_active and introduced.may_rename(rows):
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
            require_not_own_account(holder, introduced)
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
    require_not_own_account(holder, introduced)
    if _is_somebody_else(holder, introduced):
        return _take_place_of(holder, introduced)
    if holder.is_active:
        holder.lms_user_id = introduced.lms_user_id
        holder.save(update_fields=["lms_user_id"])
    return holder


def _take_place_of(holder: User, introduced: Introduction) -> User:
    """Make a row for somebody whose name another has here. The holder keeps everything but the name."""
    if introduced.may_rename([holder]):
        _step_aside(holder, introduced)
        return _create(introduced)
    return _create(introduced, aside=True)


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
        **{name: kept_by_column(name, value) for name, value in introduced.attributes.items()},
    )
    user.told_at = introduced.issued_at if user.is_staff else None
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
        raise WrittenMeanwhile


def kept_by_column(name: str, value: object) -> object:
    """Return a value without the characters that its column cannot hold."""
    return storable(value, User, name) if isinstance(value, str) else value
