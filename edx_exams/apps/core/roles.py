# SPDX-License-Identifier: AGPL-3.0-only
"""Course staff: who belongs to a course's team."""

from typing import Final

from edx_exams.apps.core.exceptions import InvalidCourseRole
from edx_exams.apps.core.limits import has_outer_blanks, is_storable
from edx_exams.apps.core.models import CourseStaffRole, User

#: Roles of the LMS whose holders work on a course's exams.
COURSE_TEAM_ROLES: Final = frozenset({"staff", "instructor", "limited_staff"})


def is_course_staff(user: User, course_id: str) -> bool:
    """Check whether this person is global staff, or staff of exactly that course. At most one statement."""
    return user.has_course_staff_permission(course_id)


def grant_course_role(user: User, course_id: str, role: str) -> None:
    """
    Make someone a member of a course's team in this role, who may be one already. One statement.

    :param role: one of `COURSE_TEAM_ROLES`
    :raises InvalidCourseRole: the course's id cannot be stored
    """
    if not is_storable(course_id, CourseStaffRole._meta.get_field("course_id")) or has_outer_blanks(course_id):
        message = "The course id cannot be stored: it is too long, or begins or ends with white space."
        raise InvalidCourseRole(message)
    row = CourseStaffRole(user=user, course_id=course_id, role=role)
    CourseStaffRole.objects.bulk_create([row], ignore_conflicts=True)


def revoke_course_role(user: User, course_id: str, role: str) -> None:
    """Take someone's role in a course's team away, who may not have it. Two statements at most."""
    rows = CourseStaffRole.objects.filter(user=user, course_id=course_id, role=role)
    # By its id: on MySQL, a delete that searches and finds nothing locks the gap where others insert.
    if (found := rows.values_list("pk", flat=True).first()) is not None:
        CourseStaffRole.objects.filter(pk=found).delete()
