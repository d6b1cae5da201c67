# SPDX-License-Identifier: AGPL-3.0-only
"""
Receivers of the platform's events: course teams.

Changes are applied in the order in which they arrive, which is the bus's order: the clocks of the hosts that made them
are not compared. A handler may be called with the same event twice.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.dispatch import receiver
from openedx_events.learning.data import CourseAccessRoleData
from openedx_events.learning.signals import COURSE_ACCESS_ROLE_ADDED, COURSE_ACCESS_ROLE_REMOVED

from edx_exams.apps.core.api import (
    COURSE_TEAM_ROLES,
    grant_course_role,
    person,
    revoke_course_role,
)
from edx_exams.apps.core.database_clock import DatabaseNow
from edx_exams.apps.core.exceptions import InvalidCourseRole
from edx_exams.apps.core.models import CourseStaffRole, User
from edx_exams.apps.core.transactions import lock_users, upsert, write_transaction
from edx_exams.apps.events.incoming import Incoming, current_message
from edx_exams.apps.events.models import RoleChange

log = logging.getLogger(__name__)

#: Grants or revokes: for a person, in a course (its id), a role.
RoleWrite = Callable[[User, str, str], None]


@receiver(COURSE_ACCESS_ROLE_ADDED, dispatch_uid="edx_exams.events.role_added")
def add_to_course_team(course_access_role_data: CourseAccessRoleData, **_: Any) -> None:
    """
    Give a person the role that they got in the LMS.

    :raises ExamBaseException: person, course or role are not valid, or the name is an operator's
    """
    _apply(course_access_role_data, grant_course_role)


@receiver(COURSE_ACCESS_ROLE_REMOVED, dispatch_uid="edx_exams.events.role_removed")
def remove_from_course_team(course_access_role_data: CourseAccessRoleData, **_: Any) -> None:
    """
    Take from a person the role that they lost in the LMS.

    :raises ExamBaseException: person, course or role are not valid, or the name is an operator's
    """
    _apply(course_access_role_data, revoke_course_role)


def _apply(event: CourseAccessRoleData, write: RoleWrite) -> None:
    """Apply a change if its role is one of a course's team; a removal makes an unknown person known too."""
    if event.role not in COURSE_TEAM_ROLES:
        _require_valid(event.role)
        return
    named = event.user.pii
    # Before the transaction, whose first statement must be its lock.
    user = person(event.user.id, named.username, attributes={"email": named.email})
    if not user.is_active:
        log.info("A role of user %s is not changed: they were retired", user.pk)
        return
    _change_role(user.pk, event, write)


def _require_valid(role: str) -> None:
    """
    Refuse what cannot be the name of a role; other roles of the platform are ignored.

    :raises InvalidCourseRole: it begins or ends with white space, or is too long
    """
    longest = CourseStaffRole._meta.get_field("role").max_length or 0
    if role != role.strip() or len(role) > longest:
        message = f"The role begins or ends with white space, or has more than {longest} characters."
        raise InvalidCourseRole(message)


@write_transaction
def _change_role(user_id: int, event: CourseAccessRoleData, write: RoleWrite) -> None:
    """Apply a change unless it comes too late. Writers of one person take turns on their row."""
    user = lock_users([user_id])[user_id]
    course_id, message = str(event.course_key), current_message.get()
    latest = RoleChange.objects.filter(user=user, course_id=course_id, role=event.role).first()
    if latest and message and _comes_too_late(message, latest):
        log.warning("Role change %s of user %s is ignored: a newer one was applied", message, user_id)
        return
    write(user, course_id, event.role)
    stream_id = message.stream_id if message else ""
    upsert(
        [RoleChange(user=user, course_id=course_id, role=event.role, applied=DatabaseNow(), stream_id=stream_id)],
        unique=("user", "course_id", "role"),
        update=("applied", "stream_id"),
    )


def _comes_too_late(message: Incoming, latest: RoleChange) -> bool:
    """
    Tell whether a newer change was applied.

    On Redis an entry is older if its id is: pending entries of a consumer that died may be delivered after newer ones.
    Kafka keeps the order of a partition, so only a retry of a failed event can be late.
    """
    if message.stream_id and latest.stream_id:
        return _ordinal(message.stream_id) < _ordinal(latest.stream_id)
    return message.received is not None and message.received < latest.applied


def _ordinal(stream_id: str) -> tuple[int, ...]:
    """Return the milliseconds and the number of an entry's id, which order entries."""
    return tuple(int(part) for part in stream_id.split("-"))
