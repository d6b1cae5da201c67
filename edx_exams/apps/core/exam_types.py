# SPDX-License-Identifier: AGPL-3.0-only
"""The four types of special exams and what each of them means."""

from typing import Final, NamedTuple


class ExamType(NamedTuple):
    """Properties that follow from an exam's type."""

    name: str
    is_proctored: bool
    is_timed: bool
    is_practice: bool


EXAM_TYPES: Final = (
    ExamType("proctored", is_proctored=True, is_timed=True, is_practice=False),
    ExamType("timed", is_proctored=False, is_timed=True, is_practice=False),
    ExamType("practice", is_proctored=True, is_timed=True, is_practice=True),
    # Onboarding lives in the older exam system only; the type is kept for its translation there.
    ExamType("onboarding", is_proctored=True, is_timed=True, is_practice=True),
)
_BY_NAME: Final = {exam_type.name: exam_type for exam_type in EXAM_TYPES}

EXAM_TYPE_CHOICES: Final = tuple((name, name) for name in _BY_NAME)
#: No due date holds for practice and onboarding exams, and learners may begin them again by themselves.
PRACTICE_TYPES: Final = frozenset(exam_type.name for exam_type in EXAM_TYPES if exam_type.is_practice)


def get_exam_type(name: str) -> ExamType | None:
    """The type of that name, None where there is none."""
    return _BY_NAME.get(name)
