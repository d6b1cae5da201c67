# SPDX-License-Identifier: AGPL-3.0-only
"""
The public Python API of the domain: what other apps, and operators' scripts, may call.

The positional arguments of each function and their meaning are a promise.
"""

from edx_exams.apps.core.allowances import (
    allowance_rows,
    get_review_policy_exception,
    grant_extra_time,
    minutes_if_started,
    revoke_extra_time,
    set_extra_time,
)
from edx_exams.apps.core.attempt_requests import change_attempt, remove_attempt
from edx_exams.apps.core.attempts import (
    act_as_learner,
    act_as_staff,
    create_exam_attempt,
    get_active_attempt_for_user,
    get_attempt_by_id,
    get_attempt_for_user_with_attempt_number_and_resource_id,
    get_attempt_to_change,
    get_current_exam_attempt,
    get_exam_attempts,
    reset_and_recreate,
    reset_attempts_of,
    reset_exam_attempt,
    reset_own_attempt,
    update_attempt_status,
)
from edx_exams.apps.core.bulk_allowances import AllowanceOutcome, give_allowances, take_allowances
from edx_exams.apps.core.configurations import (
    create_or_update_course_exam_configuration,
    get_configuration,
    get_course_exam_configuration_by_course_id,
    get_escalation_email,
    get_providers,
    set_escalation_email,
)
from edx_exams.apps.core.content_access import AccessToken, grant_access
from edx_exams.apps.core.course_attempts import Selection, attempt_page, csv_rows, select_attempts
from edx_exams.apps.core.exams import (
    exam_rows,
    get_course_exam,
    get_course_exam_by_id,
    get_course_exams,
    get_exam_by_content_id,
    get_exam_by_id,
    get_exam_provider,
    get_exam_url_path,
    get_provider_by_exam_id,
    is_exam_passed_due,
    sync_course_exams,
)
from edx_exams.apps.core.instance_attempts import attempts_of_instance
from edx_exams.apps.core.learner_attempts import (
    exam_in_progress,
    exam_not_in_progress,
    latest_attempt,
    learners_by_id,
    running_attempt,
)
from edx_exams.apps.core.people import person
from edx_exams.apps.core.proctoring import (
    ControlReport,
    attempt_of_tool,
    control_attempt,
    control_status,
    launch_tool,
    mark_ready,
    submit_if_unfinished,
)
from edx_exams.apps.core.roles import (
    COURSE_TEAM_ROLES,
    grant_course_role,
    is_course_staff,
    revoke_course_role,
)
from edx_exams.apps.core.time_outs import (
    check_if_exam_timed_out,
    get_exam_attempt_time_remaining,
    submit_timed_out_attempts,
)

__all__ = [
    "COURSE_TEAM_ROLES",
    "AccessToken",
    "AllowanceOutcome",
    "ControlReport",
    "Selection",
    "act_as_learner",
    "act_as_staff",
    "allowance_rows",
    "attempt_of_tool",
    "attempt_page",
    "attempts_of_instance",
    "change_attempt",
    "check_if_exam_timed_out",
    "control_attempt",
    "control_status",
    "create_exam_attempt",
    "create_or_update_course_exam_configuration",
    "csv_rows",
    "exam_in_progress",
    "exam_not_in_progress",
    "exam_rows",
    "get_active_attempt_for_user",
    "get_attempt_by_id",
    "get_attempt_for_user_with_attempt_number_and_resource_id",
    "get_attempt_to_change",
    "get_configuration",
    "get_course_exam",
    "get_course_exam_by_id",
    "get_course_exam_configuration_by_course_id",
    "get_course_exams",
    "get_current_exam_attempt",
    "get_escalation_email",
    "get_exam_attempt_time_remaining",
    "get_exam_attempts",
    "get_exam_by_content_id",
    "get_exam_by_id",
    "get_exam_provider",
    "get_exam_url_path",
    "get_provider_by_exam_id",
    "get_providers",
    "get_review_policy_exception",
    "give_allowances",
    "grant_access",
    "grant_course_role",
    "grant_extra_time",
    "is_course_staff",
    "is_exam_passed_due",
    "latest_attempt",
    "launch_tool",
    "learners_by_id",
    "mark_ready",
    "minutes_if_started",
    "person",
    "remove_attempt",
    "reset_and_recreate",
    "reset_attempts_of",
    "reset_exam_attempt",
    "reset_own_attempt",
    "revoke_course_role",
    "revoke_extra_time",
    "running_attempt",
    "select_attempts",
    "set_escalation_email",
    "set_extra_time",
    "submit_if_unfinished",
    "submit_timed_out_attempts",
    "sync_course_exams",
    "take_allowances",
    "update_attempt_status",
]
