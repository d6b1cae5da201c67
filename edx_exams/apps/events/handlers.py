"""
Receivers of the platform's events: course teams.

A handler may be called with the same event twice.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.dispatch import receiver
from openedx_events.data import EventsMetadata
from openedx_events.learning.data import CourseAccessRoleData
from openedx_events.learning.signals import COURSE_ACCESS_ROLE_ADDED, COURSE_ACCESS_ROLE_REMOVED

from edx_exams.apps.core.api import (
    COURSE_TEAM_ROLES,
    grant_course_role,
    person,
    revoke_course_role,
)
from edx_exams.apps.core.models import User
from edx_exams.apps.core.transactions import lock_users, upsert, write_transaction
from edx_exams.apps.events.models import RoleChange

#: Grants or revokes: for a person, in a course (its id), a role.
RoleWrite = Callable[[User, str, str], None]


@receiver(COURSE_ACCESS_ROLE_ADDED, dispatch_uid="edx_exams.events.role_added")
def add_to_course_team(course_access_role_data: CourseAccessRoleData, metadata: EventsMetadata, **_: Any) -> None:
    """
    Give a person the role that they got in the LMS.

    :raises ExamBaseException: the person or the course cannot be stored, or the name is an operator's
    """
    _follow(course_access_role_data, grant_course_role, as_of=metadata.time)


@receiver(COURSE_ACCESS_ROLE_REMOVED, dispatch_uid="edx_exams.events.role_removed")
def remove_from_course_team(course_access_role_data: CourseAccessRoleData, metadata: EventsMetadata, **_: Any) -> None:
    """
    Take from a person the role that they lost in the LMS.

    :raises ExamBaseException: the person or the course cannot be stored, or the name is an operator's
    """
    _follow(course_access_role_data, revoke_course_role, as_of=metadata.time)


def _follow(event: CourseAccessRoleData, write: RoleWrite, *, as_of: datetime) -> None:
    """
    Do what an event says, if its role is one of a course's team.

    Someone unknown is made known even by a removal: it must be remembered, should the grant before it come late.
    """
    if event.role not in COURSE_TEAM_ROLES:
        return
    named = event.user.pii
    # Before the transaction, whose first statement must be its lock.
    user = person(event.user.id, named.username, attributes={"email": named.email})
    _change_role(user.pk, event, write, as_of=as_of)


@write_transaction
def _change_role(user_id: int, event: CourseAccessRoleData, write: RoleWrite, *, as_of: datetime) -> None:
    """Write a change unless a newer one of the same role was written. Writers of one person take turns on their row."""
    user = lock_users([user_id])[user_id]
    course_id = str(event.course_key)
    latest = RoleChange.objects.filter(user=user, course_id=course_id, role=event.role).first()
    if latest and latest.changed > as_of:
        return
    write(user, course_id, event.role)
    upsert(
        [RoleChange(user=user, course_id=course_id, role=event.role, changed=as_of)],
        unique=("user", "course_id", "role"),
        update=("changed",),
    )
