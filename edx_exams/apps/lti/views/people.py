# SPDX-License-Identifier: AGPL-3.0-only
"""Launches of a proctoring tool: by learners to be proctored, by a course's team to review recordings."""

from typing import Any, override

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from edx_exams.apps.api.authentication import JwtAuthentication
from edx_exams.apps.api.parsers import BoundedJSONParser
from edx_exams.apps.api.permissions import IsAuthenticated
from edx_exams.apps.api.views import AuthenticatedRequest, ExamsAPIView
from edx_exams.apps.core.api import (
    attempts_of_instance,
    get_attempt_by_id,
    get_attempt_to_change,
    get_exam_by_id,
    is_course_staff,
    launch_tool,
    mark_ready,
    submit_if_unfinished,
)
from edx_exams.apps.core.exam_types import PRACTICE_TYPES
from edx_exams.apps.core.exceptions import (
    ExamIllegalStatusTransition,
    ExamPermissionDenied,
    NotYourAttempt,
)
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.lti import exam_frame, launch_sessions, launches, navigation
from edx_exams.apps.lti.authentication import LaunchCookieAuthentication
from edx_exams.apps.lti.exceptions import CannotLaunch, LaunchRefused, PrefetchRefused
from edx_exams.apps.lti.forms import FormParser
from edx_exams.apps.lti.middleware import mark_as_tool_page
from edx_exams.apps.lti.models import LtiTool, MessageType, tool_of_exam
from edx_exams.apps.lti.navigation import Verdict
from edx_exams.apps.lti.views import pages


class LaunchView(ExamsAPIView):
    """
    A link that a person follows in a browser. A refusal is a page for a browser, and JSON for everybody else.

    Only a navigation is answered, and none that another site began: what is embedded in a page launches nothing.
    """

    authentication_classes = (JwtAuthentication,)
    permission_classes = (IsAuthenticated,)
    parser_classes = (BoundedJSONParser, FormParser)
    http_method_names = ("get",)  # type: ignore[assignment]

    @override
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if navigation.is_prefetch(request.headers):
            raise PrefetchRefused
        if not self.may_answer(_http(request)):
            message = "This link was followed from another website. Please open it from the exam itself."
            raise PermissionDenied(message)
        super().initial(request, *args, **kwargs)

    def may_answer(self, request: HttpRequest) -> bool:
        """Tell whether the browser was led here by a page of the platform, as far as it says."""
        return navigation.is_navigation_of_this_site(request.headers)

    @override
    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if "text/html" in self.request.headers.get("Accept", "") and isinstance(response.data, dict):
            page = pages.refusal(
                _http(self.request),
                str(response.data.get("detail", "")),
                status=response.status_code,
                attempt=self.own_attempt(),
            )
            for name in ("WWW-Authenticate", "Retry-After"):
                if name in response.headers:
                    page[name] = response.headers[name]
            return page  # type: ignore[return-value]  # it is only sent
        return response

    def own_attempt(self) -> ExamAttempt | None:
        """Return the caller's own attempt that the link is about, as it is now, once it is known to be theirs."""
        return None

    @override
    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        final: HttpResponse = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        if "Cache-Control" not in final:
            final["Cache-Control"] = "no-store"
        return mark_as_tool_page(final)


class AttemptLaunchView(LaunchView):
    """
    A link that changes the caller's attempt: it must be on a page of the platform.

    Where nothing says on which page it was, the person is asked first, by a page whose button posts.
    """

    http_method_names = ("get", "post")  # type: ignore[assignment]
    #: Texts of the page with the button, marked for translation where they are set.
    heading: Promise
    detail: Promise
    button: Promise
    #: Once it is known to be the caller's.
    _attempt_id: int | None = None

    @override
    def may_answer(self, request: HttpRequest) -> bool:
        if request.method == "GET":
            return navigation.judge_request(request) != Verdict.REFUSE
        # A POST has to bring a CSRF token or the header, which no other page has; it may come from a script of ours.
        return not navigation.is_from_another_site(request.headers)

    @override
    def own_attempt(self) -> ExamAttempt | None:
        return get_attempt_by_id(self._attempt_id) if self._attempt_id else None

    def get(self, request: AuthenticatedRequest, attempt_id: str) -> HttpResponse:
        """Act, or ask the person to confirm."""
        http_request = _http(request)
        if navigation.judge_request(http_request) == Verdict.CONFIRM:
            return pages.confirm(
                http_request, heading=str(self.heading), detail=str(self.detail), button=str(self.button)
            )
        return self.post(request, attempt_id)

    def post(self, request: AuthenticatedRequest, attempt_id: str) -> HttpResponse:
        """Act."""
        attempt = _own_attempt(request, attempt_id)
        self._attempt_id = attempt.pk
        return self.act(request, attempt)

    def act(self, request: AuthenticatedRequest, attempt: ExamAttempt) -> HttpResponse:
        """Change the caller's attempt, and lead the browser on."""
        raise NotImplementedError  # each subclass has its own


class StartProctoring(AttemptLaunchView):
    """Launch of the tool by the learner, before the exam."""

    heading = gettext_lazy("Set up proctoring")
    detail = gettext_lazy("This takes you to the proctoring tool of your exam. Your time does not begin yet.")
    button = gettext_lazy("Continue to the proctoring tool")

    @override
    def act(self, request: AuthenticatedRequest, attempt: ExamAttempt) -> HttpResponse:
        """Begin a launch of LtiStartProctoring."""
        tool = tool_of_exam(attempt.exam)
        try:
            if tool is None and attempt.exam.exam_type in PRACTICE_TYPES:
                # Nobody watches over a rehearsal without a tool. The learning interface starts none that is not ready.
                mark_ready(attempt, request.user, reason="ready: practice without a proctoring tool")
                return HttpResponseRedirect(launches.exam_url(attempt.exam))
            tool = _tool_for(attempt.exam)
            launch_tool(attempt, request.user)
        except ExamIllegalStatusTransition:
            raise LaunchRefused from None
        return _redirect_to_tool(request, tool, MessageType.start_proctoring, attempt.exam, attempt)


class EndAssessment(AttemptLaunchView):
    """End of the assessment, by the learner."""

    heading = gettext_lazy("Submit your exam?")
    detail = gettext_lazy("This submits your exam. You cannot go on with it afterwards.")
    button = gettext_lazy("Submit the exam")

    @override
    def act(self, request: AuthenticatedRequest, attempt: ExamAttempt) -> HttpResponse:
        """Submit the attempt if it is unfinished; then to the tool, if it wants to hear of it, else to the exam."""
        submit_if_unfinished(attempt, request.user)
        if tool := launches.tool_to_notify(attempt):
            return _redirect_to_tool(request, tool, MessageType.end_assessment, attempt.exam, attempt)
        return _lead_on(request, launches.exam_url(attempt.exam), attempt)


class InstructorTool(LaunchView):
    """Launch of the tool by the course team, to review recordings."""

    def get(self, request: AuthenticatedRequest, exam_id: str) -> HttpResponse:
        """Begin a launch of LtiResourceLinkRequest."""
        exam = get_exam_by_id(int(exam_id))
        if exam is None:
            raise CannotLaunch(f"There is no exam {exam_id}.")
        _require_staff(request.user, exam)
        return _redirect_to_tool(request, _tool_for(exam), MessageType.resource_link, exam)


class Roster(ExamsAPIView):
    """Usernames of an exam's learners by anonymous id, for the course team: tools know the anonymous ids alone."""

    authentication_classes = (JwtAuthentication, LaunchCookieAuthentication)
    permission_classes = (IsAuthenticated,)

    def get(self, request: AuthenticatedRequest, exam_id: str) -> HttpResponse:
        """List pairs of anonymous id and username, by username."""
        exam = get_exam_by_id(int(exam_id))
        if exam is None:
            raise NotFound(f"There is no exam {exam_id}.")
        _require_staff(request.user, exam)
        theirs = attempts_of_instance(exam).order_by().values("user")
        learners = User.objects.filter(pk__in=theirs).order_by("username", "pk")
        pairs = [
            [str(anonymous_id), username]
            for anonymous_id, username in learners.values_list("anonymous_user_id", "username")
        ]
        return JsonResponse(pairs, safe=False)

    @override
    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        return mark_as_tool_page(super().finalize_response(request, response, *args, **kwargs))  # type: ignore[arg-type]


def _own_attempt(request: AuthenticatedRequest, attempt_id: str) -> ExamAttempt:
    """
    The caller's own attempt.

    :raises ExamAttemptDoesNotExist: there is none
    :raises NotYourAttempt: it is somebody else's; the refusal says no more than the other
    """
    attempt = get_attempt_to_change(int(attempt_id))
    if attempt.user_id != request.user.pk:
        raise NotYourAttempt(attempt.pk)
    return attempt


def _tool_for(exam: Exam) -> LtiTool:
    tool = tool_of_exam(exam)
    if tool is None:
        raise CannotLaunch(f"“{exam.exam_name}” has no proctoring tool that works. Please tell your course team.")
    return tool


def _require_staff(user: User, exam: Exam) -> None:
    if not is_course_staff(user, exam.course_id):
        raise ExamPermissionDenied("Only staff of this course may do this.")


def _redirect_to_tool(
    request: AuthenticatedRequest,
    tool: LtiTool,
    message_type: MessageType,
    exam: Exam,
    attempt: ExamAttempt | None = None,
) -> HttpResponse:
    session = launch_sessions.open_session(_http(request), request.user)
    url = launches.begin(session, request.user, tool, message_type, exam, attempt=attempt)
    response = _lead_on(request, url, attempt)
    launch_sessions.set_cookie(response, session)
    return response


def _lead_on(request: AuthenticatedRequest, url: str, attempt: ExamAttempt | None) -> HttpResponse:
    """Lead the browser on; from inside the frame in which we hold an exam, the whole window."""
    http_request = _http(request)
    if exam_frame.is_inside(http_request, attempt):
        return pages.leave_frame(http_request, url)
    return HttpResponseRedirect(url)


def _http(request: Request) -> HttpRequest:
    """Django's request, which has the cookies."""
    http_request: HttpRequest = request._request  # noqa: SLF001  (REST framework offers no other way)
    return http_request
