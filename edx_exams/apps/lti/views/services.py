# SPDX-License-Identifier: AGPL-3.0-only
"""Endpoints for tools' servers: our key set, access tokens, and the Assessment Control Service."""

import functools
import logging
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from edx_exams.apps.core.api import attempt_of_tool, control_attempt, control_status
from edx_exams.apps.core.exceptions import (
    AssessmentOfAnotherTool,
    ControlNotAllowed,
    ExamAttemptDoesNotExist,
    NoSuchAssessment,
    TooManyReports,
)
from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.lti import access_tokens, addresses, platform_keys
from edx_exams.apps.lti.control import BadBody, ControlRequest, read_control_request
from edx_exams.apps.lti.exceptions import KeysNotReady
from edx_exams.apps.lti.forms import FORM_TYPE, UnsupportedForm, read_form
from edx_exams.apps.lti.models import LtiTool, enabled_tool
from edx_exams.apps.lti.views.failures import MALFORMED, RETRY_AFTER, UNAVAILABLE

log = logging.getLogger(__name__)

View = Callable[..., HttpResponse]

CONTROL_TYPE: Final = "application/vnd.ims.lti-ap.v1.control+json"
_CONTROL_TYPES: Final = (CONTROL_TYPE, "application/json")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


class HttpError(Exception):
    """
    A refusal, with its HTTP status.

    :param body: JSON
    """

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


def service(*methods: str) -> Callable[[View], View]:
    """Decorate a view that servers ask, with these methods: whatever goes wrong, the answer is JSON."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return _only(methods, request, view)(request, *args, **kwargs)
            except HttpError as other:
                log.warning("A tool's request was refused: %d, %s", other.status, other.body["detail"])
                return JsonResponse(other.body, status=other.status, headers=other.headers)
            except UnsupportedForm:
                log.warning("A tool's request was refused: multipart form")
                body: dict[str, Any] = {"error": "invalid_request", "detail": f"The form must be sent as {FORM_TYPE}."}
                return JsonResponse(body, status=415)
            except MALFORMED as error:
                log.warning("A tool's request was refused: %s", type(error).__name__)
                detail = "The request is malformed."
                body = {"error": "invalid_request", "detail": detail, "errors": {"non_field_errors": [detail]}}
                return JsonResponse(body, status=400)
            except KeysNotReady:
                log.info("A tool's request is put off: its keys are being fetched")
                detail = "The tool's keys are being fetched. Please try again."
                body = {"error": "temporarily_unavailable", "detail": detail}
                return JsonResponse(body, status=503, headers={"Retry-After": RETRY_AFTER})
            except UNAVAILABLE as error:
                log.error("A tool's request failed: %s", type(error).__name__)
                detail = "This does not work right now. Please try again."
                body = {"error": "temporarily_unavailable", "detail": detail}
                return JsonResponse(body, status=503, headers={"Retry-After": RETRY_AFTER})

        endpoint = csrf_exempt(answer)
        endpoint.refuse = _refuse_unread  # type: ignore[attr-defined]  # for `RequestLimits`
        return endpoint

    return decorate


def _refuse_unread(request: HttpRequest, status: int, detail: str) -> HttpResponse:  # noqa: ARG001
    """Answer a request whose body is not read."""
    log.warning("A tool's request was refused: body not read (%d)", status)
    body = {"error": "invalid_request", "detail": detail, "errors": {"non_field_errors": [detail]}}
    return JsonResponse(body, status=status)


def _only(methods: tuple[str, ...], request: HttpRequest, view: View) -> View:
    if request.method not in methods:
        raise HttpError(405, {"detail": "This method is not for this path."}, {"Allow": ", ".join(methods)})
    return view


def _tool(config_id: str) -> LtiTool:
    tool = enabled_tool(config_id=uuid.UUID(config_id)) if _UUID.fullmatch(config_id) else None
    if tool is None:
        raise HttpError(404, {"detail": "There is no such tool."})
    return tool


@service("GET", "HEAD")
def key_set(request: HttpRequest, config_id: str) -> HttpResponse:  # noqa: ARG001
    """The platform's public keys for this tool: Security Framework 6.3."""
    return JsonResponse(platform_keys.key_set(_tool(config_id)))


@service("POST")
def token(request: HttpRequest, config_id: str) -> HttpResponse:
    """The token endpoint: Security Framework 4.1, RFC 6749 section 4.4."""
    no_store = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    tool = _tool(config_id)
    try:
        return JsonResponse(access_tokens.issue(tool, dict(read_form(request).lists())), headers=no_store)
    except access_tokens.TokenError as error:
        log.warning("Access token refused: %s, %s (LTI tool %d)", error.error, error, tool.pk)
        body = {"error": error.error, "error_description": str(error)}
        return JsonResponse(body, status=error.status, headers=no_store)


@service("POST")
def control(request: HttpRequest, tool_id: str) -> HttpResponse:
    """The Assessment Control Service: Proctoring Services 1.0."""
    tool = _authorized(request, int(tool_id))
    if request.content_type not in _CONTROL_TYPES:
        raise HttpError(415, {"detail": f"The content type must be {' or '.join(_CONTROL_TYPES)}."})
    try:
        wanted = read_control_request(request.body, issuer=addresses.issuer())
        attempt = control_attempt(_attempt(tool, wanted), wanted.report)
    except BadBody as error:
        raise HttpError(400, {"detail": str(error), "errors": error.errors}) from None
    except ControlNotAllowed as refusal:
        raise HttpError(400, {"detail": str(refusal), "errors": {refusal.field: [str(refusal)]}}) from None
    except ExamAttemptDoesNotExist:
        raise HttpError(404, {"detail": str(NoSuchAssessment())}) from None
    except (NoSuchAssessment, AssessmentOfAnotherTool, TooManyReports) as refusal:
        raise HttpError(refusal.http_status, {"detail": str(refusal)}) from None
    log.info("LTI tool %d: %s of attempt %d", tool.pk, wanted.report.action, attempt.pk)
    body = {"status": control_status(attempt), "extra_time": attempt.extra_time_mins}
    return JsonResponse(body, content_type=_answer_type(request))


def _authorized(request: HttpRequest, tool_id: int) -> LtiTool:
    """
    The tool whose token this is: RFC 6750.

    :raises HttpError: 401 without a valid token, 403 with one that is for something else
    """
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credentials:
        raise HttpError(401, {"detail": "An access token is needed."}, {"WWW-Authenticate": "Bearer"})
    grant = access_tokens.read(credentials.strip())
    if grant is None:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HttpError(401, {"detail": "The access token is not valid, or has expired."}, challenge)
    if grant.tool.pk != tool_id:
        raise HttpError(403, {"detail": "The access token is another tool's."})
    if access_tokens.CONTROL_SCOPE not in grant.scopes:
        challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{access_tokens.CONTROL_SCOPE}"'}
        raise HttpError(403, {"detail": "The access token lacks the scope."}, challenge)
    return grant.tool


def _attempt(tool: LtiTool, wanted: ControlRequest) -> ExamAttempt:
    """
    Find the attempt that the tool means.

    :raises NoSuchAssessment: there is none
    :raises AssessmentOfAnotherTool: another tool proctors it
    """
    if not _UUID.fullmatch(wanted.user):
        raise NoSuchAssessment
    return attempt_of_tool(
        tool.pk,
        person=uuid.UUID(wanted.user),
        resource_id=wanted.resource_id,
        attempt_number=wanted.attempt_number,
    )


def _answer_type(request: HttpRequest) -> str:
    """The type that the tool likes best; where it does not care, or likes neither, that of its request."""
    own = request.content_type or CONTROL_TYPE
    return request.get_preferred_type([own, *_CONTROL_TYPES]) or own
