# SPDX-License-Identifier: AGPL-3.0-only
"""
The start of an exam that a tool proctors: only the tool makes an attempt ready, so that nobody starts past the proctor.

The tools are not the domain's: the setting `PROCTORING_TOOL_OF_EXAM` names who knows them.
"""

from django.conf import settings
from django.utils.module_loading import import_string

from edx_exams.apps.core.exceptions import ExamIllegalStatusTransition
from edx_exams.apps.core.models import Exam
from edx_exams.apps.core.transition_rules import LEARNER_TRANSITIONS, START_WHEN_READY, LearnerAction, Transition


def start_transition(exam: Exam) -> Transition:
    """Return the transition that a learner's `start` is, for this exam."""
    needs_tool = exam.exam_type == "proctored" and exam.provider_id is not None
    if needs_tool and settings.PROCTORED_START_REQUIRES_TOOL:
        return START_WHEN_READY
    return LEARNER_TRANSITIONS[LearnerAction.START]


def require_ready(exam: Exam, status: str) -> None:
    """
    Refuse to start an attempt whose learner the tool has not found ready. Every other refusal is the table's.

    :param status: of the attempt
    :raises ExamIllegalStatusTransition: with words on what to do instead
    """
    without_tool = LEARNER_TRANSITIONS[LearnerAction.START].allowed_from
    if status not in without_tool - start_transition(exam).allowed_from:
        return
    if _has_tool(exam):
        message = (
            f"“{exam.exam_name}” is proctored. It can be started once its proctoring tool says that you are ready."
        )
    else:
        message = (
            f"“{exam.exam_name}” is proctored, and its course has no proctoring tool that works: "
            "it cannot be started. Please tell your course team."
        )
    raise ExamIllegalStatusTransition(message)


def _has_tool(exam: Exam) -> bool:
    tool_of_exam: str | None = settings.PROCTORING_TOOL_OF_EXAM
    return tool_of_exam is not None and import_string(tool_of_exam)(exam) is not None
