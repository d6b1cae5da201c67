# SPDX-License-Identifier: AGPL-3.0-only
"""Course ids and content ids read as keys: which of them are keys, and which content belongs to which course."""

from functools import lru_cache

from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey, UsageKey
from opaque_keys.edx.locator import BlockUsageLocator, CourseLocator


def course_key(course_id: str) -> CourseKey | None:
    """The key that a course id is, None for an external key or anything else."""
    try:
        return CourseKey.from_string(course_id)
    except InvalidKeyError:
        return None


def usage_key(content_id: object) -> UsageKey | None:
    """The key of a piece of course content that a content id is, None if it is none, or no text."""
    if not isinstance(content_id, str):
        return None
    try:
        key = UsageKey.from_string(content_id)
    except InvalidKeyError:
        return None
    context = key.context_key  # a course, or a library
    return key if isinstance(context, CourseKey) and context.is_course else None


def course_named_by(content_id: str) -> str | None:
    """
    The course id that a content id names.

    None where it is not a usage key, or an old one (`i4x://…`), which names organization and course but no run.
    """
    key = usage_key(content_id)
    return str(key.course_key) if key and key.course_key.run else None


@lru_cache(maxsize=4096)
def in_course(content_id: str, course_id: str) -> str:
    """
    Return the one name that a piece of content has in a course, whichever of its keys it is given by.

    An old key (`i4x://…`) is mapped into the course; a draft is its content. What is not a key stays as it is.
    Remembered, as `belongs_to` is.
    """
    content, course = usage_key(content_id), course_key(course_id)
    if not isinstance(content, BlockUsageLocator) or not isinstance(course, CourseLocator):
        return content_id
    if not belongs_to(content_id, course_id):
        return content_id
    return str(content.map_into_course(course.for_branch(None)).for_branch(None))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=4096)
def belongs_to(content_id: str, course_id: str) -> bool:
    """
    Tell whether this is content of that course. An old key, without a run, belongs to every run of its course.

    Remembered: to read two keys takes long, and a course's authors publish the same ones again and again.
    """
    content, course = usage_key(content_id), course_key(course_id)
    if content is None or course is None:
        return False
    if not content.course_key.run:
        if (content.course_key.org, content.course_key.course) != (course.org, course.course):
            return False
        content = content.map_into_course(course)
    return bool(content.course_key == course)
