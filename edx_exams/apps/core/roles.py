"""Course staff: who belongs to a course's team."""

from edx_exams.apps.core.models import User


def is_course_staff(user: User, course_id: str) -> bool:
    """Whether this person is global staff, or staff of exactly that course in whatever role. At most one statement."""
    return user.has_course_staff_permission(course_id)
