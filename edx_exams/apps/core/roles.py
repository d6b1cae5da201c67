"""Course staff: who belongs to a course's team."""

from typing import Final

from django.contrib.auth.hashers import make_password

from edx_exams.apps.core.exceptions import InvalidCourseRole
from edx_exams.apps.core.limits import MAX_INTEGER, is_storable
from edx_exams.apps.core.models import CourseStaffRole, User

#: Roles of the LMS whose holders work on a course's exams.
COURSE_TEAM_ROLES: Final = frozenset({"staff", "instructor", "limited_staff"})


def is_course_staff(user: User, course_id: str) -> bool:
    """Whether this person is global staff, or staff of exactly that course in whatever role. At most one statement."""
    return user.has_course_staff_permission(course_id)


def get_or_create_person(username: str, *, email: str, lms_user_id: int) -> int:
    """
    Id of the person whom the platform calls by this name, made if we have not met. Nobody who exists is changed.

    One statement for someone known; several callers at once make one person.

    :raises InvalidCourseRole: one of the three cannot be stored
    """
    _require(bool(username) and is_storable(username, User._meta.get_field("username")), "username")
    _require(is_storable(email, User._meta.get_field("email")), "e-mail address")
    _require(0 < lms_user_id <= MAX_INTEGER, "LMS user id")
    known = User.objects.filter(username=username).values_list("pk", flat=True).first()
    if known is not None:
        return known
    details = {"email": email, "lms_user_id": lms_user_id, "password": make_password(None)}
    user, _ = User.objects.get_or_create(username=username, defaults=details)
    return user.pk


def complete_person(user: User, *, email: str, lms_user_id: int) -> None:
    """Store of these what we don't know of a person yet; what we know stays. Their row is locked by the caller."""
    unknown: dict[str, str | int] = {}
    if not user.email and email:
        unknown["email"] = email
    if user.lms_user_id is None:
        unknown["lms_user_id"] = lms_user_id
    for name, value in unknown.items():
        setattr(user, name, value)
    if unknown:
        user.save(update_fields=list(unknown))


def grant_course_role(user: User, course_id: str, role: str) -> None:
    """
    Make someone a member of a course's team in this role, who may be one already. One statement.

    :param role: one of `COURSE_TEAM_ROLES`
    :raises InvalidCourseRole: the course's id is longer than any that we can store
    """
    _require(is_storable(course_id, CourseStaffRole._meta.get_field("course_id")), "course id")
    row = CourseStaffRole(user=user, course_id=course_id, role=role)
    CourseStaffRole.objects.bulk_create([row], ignore_conflicts=True)


def revoke_course_role(user: User, course_id: str, role: str) -> None:
    """Take someone's role in a course's team away, who may not have it. Two statements at most."""
    rows = CourseStaffRole.objects.filter(user=user, course_id__exactly=course_id, role=role)
    # By its id: on MySQL, a delete that searches and finds nothing locks the gap where others insert.
    if (found := rows.values_list("pk", flat=True).first()) is not None:
        CourseStaffRole.objects.filter(pk=found).delete()


def _require(condition: bool, what: str) -> None:
    """Refuse a value without quoting it: refusals are logged, and a name may be in it."""
    if not condition:
        message = f"The {what} cannot be stored: it is empty, too long or otherwise out of bounds."
        raise InvalidCourseRole(message)
