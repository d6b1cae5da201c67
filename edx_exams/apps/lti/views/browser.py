# SPDX-License-Identifier: AGPL-3.0-only
"""Endpoints to which a tool sends the learner's browser: for the id_token, and with LtiStartAssessment."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from edx_exams.apps.core.limits import is_storable_text
from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.lti import addresses, exam_frame, launch_sessions, launches, navigation, tool_keys
from edx_exams.apps.lti.exceptions import KeysNotReady, PrefetchRefused
from edx_exams.apps.lti.forms import UnsupportedForm, read_form
from edx_exams.apps.lti.middleware import tool_page
from edx_exams.apps.lti.models import LtiTool, enabled_tool, is_safe_to_launch
from edx_exams.apps.lti.tool_messages import MAX_CLAIM_LENGTH, Refused, read_start_assessment
from edx_exams.apps.lti.views import pages
from edx_exams.apps.lti.views.failures import MALFORMED, UNAVAILABLE

log = logging.getLogger(__name__)

View = Callable[..., HttpResponse]

#: What an authentication request must say: Security Framework 5.1.1.2.
_FIXED: Final[Mapping[str, tuple[str, str]]] = {
    "response_type": ("id_token", "unsupported_response_type"),
    "response_mode": ("form_post", "invalid_request"),
}
_NEEDED: Final = ("nonce", "state", "login_hint", "lti_message_hint")
_PARAMETERS: Final = ("scope", "response_type", "response_mode", "client_id", "redirect_uri", "prompt", *_NEEDED)
#: Characters of one parameter.
_LONGEST: Final = 8192


class OidcError(Exception):
    """
    A refusal that the tool is told: OpenID Connect Core 3.1.2.6.

    :param error: the code
    """

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


def browser_endpoint(view: View) -> View:
    """
    Decorate a view to which a tool sends the learner's browser, from another site and inside a frame.

    What protects it from others is the launch cookie, the hint and the signature; a failure of ours is a page too.
    """

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if navigation.is_prefetch(request.headers):  # the page that the person then sees would find its launch used
            return pages.refusal(request, str(PrefetchRefused()), status=PrefetchRefused.http_status)
        try:
            return view(request, *args, **kwargs)
        except UnsupportedForm:
            log.warning("A step of a launch was refused: multipart form")
            return pages.refusal(request, _("The proctoring tool sent its form in a way we do not read."), status=415)
        except MALFORMED as error:
            log.warning("A step of a launch was refused: %s", type(error).__name__)
            return pages.refusal(request, _("The proctoring tool sent something that cannot be read."))
        except KeysNotReady:
            log.info("A step of a launch is put off: the tool's keys are being fetched")
            return pages.service_unavailable(request)
        except UNAVAILABLE as error:
            log.error("A step of a launch failed: %s", type(error).__name__)
            return pages.service_unavailable(request)

    endpoint = csrf_exempt(tool_page(answer))
    endpoint.refuse = _refuse_unread  # type: ignore[attr-defined]  # for `RequestLimits`
    return endpoint


def _refuse_unread(request: HttpRequest, status: int, detail: str) -> HttpResponse:  # noqa: ARG001
    """Answer a request whose body is not read."""
    log.warning("A step of a launch was refused: body not read (%d)", status)
    return pages.refusal(request, _("The proctoring tool sent something that cannot be read."), status=status)


@browser_endpoint
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """
    The OpenID Connect authorization endpoint: Security Framework 5.1.1.2 and 5.1.1.3.

    Whoever asks is unknown. Nothing is sent anywhere but to an address that the tool has registered.
    """
    parameters = read_form(request) if request.method == "POST" else request.GET
    tool = enabled_tool(client_id=parameters.get("client_id", ""))
    if tool is None:
        log.warning("Launch refused: client_id is not known")
        return pages.refusal(request, _("We do not know this proctoring tool (client_id)."))
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in tool.allowed_redirect_uris or not is_safe_to_launch(redirect_uri):
        log.warning("Launch refused: redirect_uri is not registered (LTI tool %d)", tool.pk)
        return pages.refusal(
            request, _("The proctoring tool wants its launch sent where it may not go (redirect_uri).")
        )
    try:
        _require_well_formed(parameters)
        if not launch_sessions.has_cookie(request):
            log.warning("Launch held up: the browser sent no launch cookie (LTI tool %d)", tool.pk)
            return pages.no_cookies(request, addresses.address("launch"), _once(parameters))
        return _send_id_token(request, tool, parameters)
    except OidcError as error:
        log.warning("Launch refused: %s (LTI tool %d)", error, tool.pk)
        fields = {
            "error": error.error,
            "error_description": str(error),
            "state": parameters.get("state", "")[:_LONGEST],
        }
    except Refused as refusal:
        log.warning("Launch refused: %s (LTI tool %d)", refusal.code, tool.pk)
        fields = {
            "error": "login_required",
            "error_description": str(refusal),
            "state": parameters.get("state", "")[:_LONGEST],
        }
    return pages.form_post(request, redirect_uri, fields)


def _require_well_formed(parameters: QueryDict) -> None:
    if any(len(values) > 1 or len(values[0]) > _LONGEST for name, values in parameters.lists() if name in _PARAMETERS):
        raise OidcError("invalid_request", "a parameter is repeated or too long")
    if "openid" not in parameters.get("scope", "").split():
        raise OidcError("invalid_scope", "scope must contain openid")
    for name, (value, error) in _FIXED.items():
        if parameters.get(name) != value:
            raise OidcError(error, f"{name} must be {value}")
    for name in _NEEDED:
        if not parameters.get(name):
            raise OidcError("invalid_request", f"{name} is missing")


def _once(parameters: QueryDict) -> dict[str, str]:
    """The parameters as they came, for sending them once more from another window."""
    return {name: parameters.get(name, "") for name in _PARAMETERS if name in parameters}


def _send_id_token(request: HttpRequest, tool: LtiTool, parameters: QueryDict) -> HttpResponse:
    given = _once(parameters)
    launch = launches.find_launch(request, tool, hint=given["lti_message_hint"], login_hint=given["login_hint"])
    id_token = launches.issue_id_token(launch, nonce=given["nonce"])
    log.info("%s of launch %d issued (LTI tool %d)", launch.message_type, launch.pk, tool.pk)
    return pages.form_post(request, given["redirect_uri"], {"id_token": id_token, "state": given["state"]})


@browser_endpoint
@require_POST
def start_assessment(request: HttpRequest) -> HttpResponse:
    """The tool's LtiStartAssessment, brought by the browser: Proctoring Services 1.0, “Start Assessment Message”."""
    message = read_form(request).get("JWT", "")
    if not launch_sessions.has_cookie(request):
        log.warning("LtiStartAssessment held up: the browser sent no launch cookie")
        return pages.no_cookies(request, addresses.address("start-assessment"), {"JWT": message})
    tool_id: int | None = None
    try:
        tool = _sender(message)
        tool_id = tool.pk
        claims = tool_keys.verified_claims(tool, message)
        start = read_start_assessment(
            claims,
            issuer=addresses.issuer(),
            client_id=tool.client_id,
            deployment_id=tool.deployment_id,
            now=timezone.now(),
        )
        attempt = launches.accept_start_assessment(request, tool, start)
    except Refused as refusal:
        log.warning("LtiStartAssessment refused: %s (LTI tool %s)", refusal.code, tool_id)
        return pages.refusal(request, str(refusal), attempt=launches.latest_attempt(request))
    url = launches.exam_url(attempt.exam)
    if tool.extension_answers:
        return pages.page(request, "ready", {"attempt": attempt, "url": url})
    return pages.exam_in_frame(request, attempt, url)


@browser_endpoint
@require_safe
def exam_in_frame(request: HttpRequest, attempt_id: str) -> HttpResponse:
    """The exam in our frame once more, in the browser in which its tool let it begin."""
    attempt = ExamAttempt.objects.select_related("exam").filter(pk=exam_frame.framed_attempt_id(request) or 0).first()
    if attempt is None or attempt.pk != int(attempt_id):
        return pages.refusal(request, _("This exam was not begun in this browser. Open it in your course."), status=403)
    url = launches.exam_url(attempt.exam)
    if attempt.status not in ExamAttemptStatus.incomplete_statuses:
        return HttpResponseRedirect(url)
    return pages.exam_in_frame(request, attempt, url)


def _sender(message: str) -> LtiTool:
    """The tool that a message says it is from; its signature will tell."""
    issuer = tool_keys.unverified_claims(message).get("iss")
    tool = enabled_tool(client_id=issuer) if is_storable_text(issuer, MAX_CLAIM_LENGTH) else None
    if tool is None:
        raise Refused(_("The message is from no proctoring tool that we know."), "claim iss")
    return tool
