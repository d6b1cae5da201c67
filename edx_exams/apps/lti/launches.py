# SPDX-License-Identifier: AGPL-3.0-only
"""
Launches: begun here, carried by the browser to the tool and back, each step checked against the row that began it.

Security Framework 1.0, section 5.1.1 (OpenID Connect launch flow); Proctoring Services 1.0.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from edx_exams.apps.core.api import get_exam_url_path, get_review_policy_exception, mark_ready
from edx_exams.apps.core.exceptions import ExamBaseException, ExamRetired
from edx_exams.apps.core.models import AssessmentControlResult, Exam, ExamAttempt, User
from edx_exams.apps.core.reasons import reason_text
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transactions import upsert
from edx_exams.apps.lti import addresses, launch_sessions, platform_keys, platform_messages
from edx_exams.apps.lti.exceptions import exam_has_ended
from edx_exams.apps.lti.models import (
    LAUNCH_LIFETIME,
    LaunchSession,
    LtiLaunch,
    LtiTool,
    MessageType,
    ProctoredAttempt,
    UsedToken,
    is_tool_of_exam,
    new_secret,
    tool_of_exam,
)
from edx_exams.apps.lti.tool_messages import LEEWAY, Refused, StartAssessment

#: A message that is good for longer may be used again after this; by then its launch is long over.
LONGEST_MEMORY: Final = timedelta(days=366)


# Beginning


def begin(
    session: launch_sessions.OpenedSession,
    user: User,
    tool: LtiTool,
    message_type: MessageType,
    exam: Exam,
    *,
    attempt: ExamAttempt | None = None,
) -> str:
    """
    Begin a launch in this browser: remember what the tool will have to come back with.

    :param session: the browser's, whose cookie the caller sets
    :returns: where the browser goes now: the tool's login URL, Security Framework 5.1.1.1
    """
    hint = new_secret()
    LtiLaunch.objects.create(
        tool=tool,
        user=user,
        exam=exam,
        attempt=attempt,
        message_type=message_type,
        hint_hash=launch_sessions.digest(hint),
        session_hash=session.secret_hash,
    )
    parameters = {
        "iss": addresses.issuer(),
        "client_id": tool.client_id,
        "lti_deployment_id": tool.deployment_id,
        "target_link_uri": tool.launch_url,
        "login_hint": str(user.anonymous_user_id),
        "lti_message_hint": hint,
    }
    return _with_query(tool.oidc_login_url, parameters)


def _with_query(url: str, parameters: dict[str, str]) -> str:
    """The URL with parameters added to those that it has."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return urlunsplit(parts._replace(query=query))


# The id_token


def find_launch(request: HttpRequest, tool: LtiTool, *, hint: str, login_hint: str) -> LtiLaunch:
    """
    The launch that a tool's authentication request belongs to: Security Framework 5.1.1.2.

    :raises Refused: there is none for this tool, person and browser that is unused and young enough
    """
    launch = (
        LtiLaunch.objects.select_related("user", "exam__provider", "attempt")
        .filter(tool=tool, hint_hash=launch_sessions.digest(hint), used_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if launch is None:
        raise _no_launch("hint")
    if not launch_sessions.belongs_to_browser(launch, request):
        raise _no_launch("session")
    if str(launch.user.anonymous_user_id) != login_hint:
        raise _no_launch("login_hint")
    if not _has_its_attempt(launch):
        raise _no_launch("attempt")
    if launch.message_type == MessageType.start_proctoring and _is_replaced(launch):
        raise _replaced()
    if not is_tool_of_exam(tool, launch.exam):
        raise _another_tool()
    launch.tool = tool
    return launch


def _has_its_attempt(launch: LtiLaunch) -> bool:
    """Tell whether the launch's attempt can still be launched: it may have been reset, or have ended, since."""
    if launch.message_type == MessageType.resource_link:
        return True
    if launch.attempt is None:
        return False
    may_begin = launch.attempt.status in ExamAttemptStatus.incomplete_statuses
    return may_begin or launch.message_type == MessageType.end_assessment


def _is_replaced(launch: LtiLaunch) -> bool:
    """Tell whether the exam was replaced or removed before the launch's attempt began: it will not begin any more."""
    return launch.attempt is not None and launch.attempt.start_time is None and not launch.exam.is_active


def _no_launch(code: str) -> Refused:
    return Refused(
        _("This launch has been used already, is too old, or began elsewhere. Start again from the exam."), code
    )


def _another_tool() -> Refused:
    return Refused(_("This exam has another proctoring tool now. Start again from the exam."), "tool of the provider")


def _replaced() -> Refused:
    return Refused(str(ExamRetired()), "exam replaced")


def issue_id_token(launch: LtiLaunch, *, nonce: str, now: datetime | None = None) -> str:
    """
    Sign a launch's message: Security Framework 5.1.1.3 and 5.1.2. There is one for each launch, whoever asks at once.

    :raises Refused: another request was quicker
    :raises KeyLocked: the platform's key for the tool cannot be opened
    """
    now = now or timezone.now()
    token = platform_keys.sign(launch.tool, _message(launch, nonce, now))
    if not LtiLaunch.objects.filter(pk=launch.pk, used_at=None).update(used_at=now):
        raise _no_launch("used")
    return token


def _message(launch: LtiLaunch, nonce: str, now: datetime) -> dict[str, Any]:
    tool, exam = launch.tool, launch.exam
    is_instructor = launch.message_type == MessageType.resource_link
    message = platform_messages.common_claims(
        launch.message_type,
        platform_messages.Platform(addresses.issuer(), settings.PLATFORM_NAME),
        platform_messages.Registration(tool.client_id, tool.deployment_id, tool.launch_url),
        platform_messages.Subject(
            anonymous_user_id=str(launch.user.anonymous_user_id),
            resource_id=exam.resource_id,
            exam_name=exam.exam_name,
            course_id=exam.course_id,
            content_id=exam.content_id,
            return_url=settings.EXAMS_DASHBOARD_MFE_URL if is_instructor else exam_url(exam),
        ),
        nonce=nonce,
        now=now,
        roles=platform_messages.INSTRUCTOR_ROLES if is_instructor else (),
    )
    return message | _particular_claims(launch)


def _particular_claims(launch: LtiLaunch) -> dict[str, Any]:
    """Build the claims of this type of message alone."""
    attempt = launch.attempt
    if attempt is None:
        return platform_messages.instructor_claims(roster_url=addresses.address("roster", exam_id=launch.exam_id))
    if launch.message_type == MessageType.end_assessment:
        return platform_messages.end_assessment_claims(
            attempt_number=attempt.attempt_number, session_data=_session_data_of(attempt), error=_error_of(attempt)
        )
    return platform_messages.start_proctoring_claims(
        attempt_number=attempt.attempt_number,
        session_data=launch.session_data,
        start_assessment_url=addresses.address("start-assessment"),
        control_url=addresses.acs_url(launch.tool),
        custom_url=addresses.browser_lock_address(),
        review_policy_exception=get_review_policy_exception(attempt.exam, attempt.user_id),
    )


def _error_of(attempt: ExamAttempt) -> dict[str, str] | None:
    """Error texts for the learner and for the tool's log, where the attempt ended in an error."""
    if attempt.status != ExamAttemptStatus.error:
        return None
    ended = AssessmentControlResult.objects.filter(attempt=attempt, action_type="terminate").order_by("-pk").first()
    reason = reason_text(ended.reason_code) if ended else None
    return {
        "errormsg": _("Your exam has ended because of a technical problem."),
        "errorlog": f"attempt {attempt.attempt_number} ended in an error: {reason or 'no reason was given'}",
    }


def _session_data_of(attempt: ExamAttempt) -> str:
    began = ProctoredAttempt.objects.filter(attempt=attempt).first()
    return began.session_data if began else ""


def exam_url(exam: Exam) -> str:
    """URL of the exam in the learning MFE."""
    return get_exam_url_path(exam.course_id, exam.content_id)


# The tool's answer


def accept_start_assessment(request: HttpRequest, tool: LtiTool, message: StartAssessment) -> ExamAttempt:
    """
    Let the assessment begin that the tool says may: all of it happens, or nothing.

    :returns: the attempt to go on with, as it was before
    :raises Refused: this message belongs to no launch of this browser's that waits for one
    """
    launch = (
        LtiLaunch.objects.select_related("exam", "tool")
        .filter(
            tool=tool,
            session_data=message.session_data,
            message_type=MessageType.start_proctoring,
            used_at__isnull=False,
            answered_at=None,
            expires_at__gt=timezone.now(),
        )
        .first()
    )
    # Compared here too, in constant time: a database may take letters for equal that are not.
    if launch is None or not secrets.compare_digest(launch.session_data.encode(), message.session_data.encode()):
        raise _no_launch("session_data")
    if not launch_sessions.belongs_to_browser(launch, request):
        raise _no_launch("session")
    attempt = ExamAttempt.objects.select_related("exam__provider", "user").filter(pk=launch.attempt_id or 0).first()
    if attempt is None or attempt.user_id != launch.user_id:
        raise _no_launch("attempt")
    if not is_tool_of_exam(tool, attempt.exam):
        raise _another_tool()
    if message.resource_id != attempt.exam.resource_id:
        raise _no_launch("resource_link")
    if message.attempt_number != attempt.attempt_number:
        raise _no_launch("attempt_number")
    try:
        mark_ready(attempt, attempt.user, record=lambda now: _record_answer(launch, attempt, message, now=now))
    except ExamRetired:
        raise _replaced() from None
    except ExamBaseException as refusal:
        if refusal.http_status >= 500:
            raise
        raise Refused(exam_has_ended(), "status") from None
    return attempt


def _record_answer(launch: LtiLaunch, attempt: ExamAttempt, message: StartAssessment, *, now: datetime) -> None:
    """Remember that a launch is answered, in the transaction that makes its attempt ready: both or neither."""
    # Whoever answers the same launch at this moment waits for the attempt's lock, and then finds it answered.
    if not LtiLaunch.objects.filter(pk=launch.pk, answered_at=None).update(answered_at=now):
        raise _no_launch("answered")
    use_once(launch.tool, UsedToken.Kind.nonce, message.nonce, now=now, expires_at=message.expires_at)
    upsert(
        [
            ProctoredAttempt(
                attempt=attempt,
                tool_id=launch.tool_id,
                session_data=message.session_data,
                end_assessment_return=message.end_assessment_return,
            )
        ],
        unique=("attempt",),
        update=("tool", "session_data", "end_assessment_return"),
    )


def use_once(tool: LtiTool, kind: UsedToken.Kind, value: str, *, now: datetime, expires_at: int) -> None:
    """
    Remember a message's id for as long as the message is good, and at least as long as a launch lives.

    :param expires_at: when the message expires, seconds since 1970
    :raises Refused: it was used before
    """
    seconds = min(max(expires_at - now.timestamp(), LAUNCH_LIFETIME.total_seconds()), LONGEST_MEMORY.total_seconds())
    until = now + timedelta(seconds=seconds + 2 * LEEWAY)
    try:
        with transaction.atomic():
            UsedToken.objects.create(tool=tool, kind=kind, value_hash=launch_sessions.digest(value), expires_at=until)
    except IntegrityError:
        raise Refused(_("This message of the proctoring tool has been used before."), f"replayed {kind}") from None


# The end


def tool_to_notify(attempt: ExamAttempt) -> LtiTool | None:
    """Find the tool that let this attempt begin, if it asked to be launched at the end and still proctors the exam."""
    tool = tool_of_exam(attempt.exam)
    if tool is None:
        return None
    began = ProctoredAttempt.objects.filter(attempt=attempt, end_assessment_return=True).first()
    return tool if began and began.tool_id in (None, tool.pk) else None


def latest_attempt(request: HttpRequest) -> ExamAttempt | None:
    """Find the attempt of the last launch in this browser, for a page that leads back to it."""
    session_hash = launch_sessions.current_hash(request)
    if session_hash is None:
        return None
    launches = LtiLaunch.objects.filter(session_hash=session_hash, attempt__isnull=False)
    launch = launches.select_related("attempt__exam").order_by("-pk").first()
    return launch.attempt if launch else None


def purge(**_: object) -> int:
    """Delete expired launches, launch sessions and message ids. What a running attempt needs is kept elsewhere."""
    now = timezone.now()
    return sum(model.objects.filter(expires_at__lte=now).delete()[0] for model in (LtiLaunch, LaunchSession, UsedToken))
