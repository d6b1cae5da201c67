# SPDX-License-Identifier: AGPL-3.0-only
"""Values that the domain takes and gives."""

from datetime import datetime
from typing import NamedTuple


class CourseExamConfigurationData(NamedTuple):
    """A course's settings for its exams; `provider` is the provider's name."""

    course_id: str
    provider: str | None
    allow_opt_out: bool
    escalation_email: str | None


class ExamDefinition(NamedTuple):
    """An exam as the course's authors want it. `time_limit_mins` in minutes; `due_date` aware, or None."""

    content_id: str
    exam_name: str
    exam_type: str
    time_limit_mins: int
    due_date: datetime | None
    hide_after_due: bool
    is_active: bool


class ExtraTime(NamedTuple):
    """Extra minutes for a learner, named by username or, failing that, by e-mail address."""

    exam_id: int
    extra_time_mins: int
    username: str | None = None
    email: str | None = None
