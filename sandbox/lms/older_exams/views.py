# SPDX-License-Identifier: AGPL-3.0-only
"""
The older exam system's REST API, as far as the exam service and its own learners use it.

The exam service comes with an access token, which it gets against its client id and secret; a learner comes with the
LMS's session.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sandbox.lms import tokens
from sandbox.lms.older_exams.system import SUPPORT, SYSTEM, Refused
from sandbox.lms.people import WORKER, Person

type View = Callable[..., HttpResponse]


def for_the_exam_service(view: View) -> View:
    """Only for the holder of the service account's token, which no browser sends by itself."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() not in {"jwt", "bearer"} or not tokens.is_identity_of(token, WORKER):
            return JsonResponse({"detail": "Only the exam service may ask this."}, status=401)
        return view(request, *args, **kwargs)

    return guarded


def for_learners(view: View) -> View:
    """Only for somebody who is signed in, whose person the view is given; refusals become JSON."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        person: Person | None = getattr(request, "person", None)
        if person is None:
            return JsonResponse({"detail": "Nobody is signed in."}, status=401)
        try:
            return view(request, person, *args, **kwargs)
        except (Refused, ValueError, KeyError, TypeError) as error:
            detail = str(error) if isinstance(error, Refused) else "The request makes no sense."
            return JsonResponse({"detail": detail}, status=400)

    return guarded


# What the exam service asks


@for_the_exam_service
@require_http_methods(["PATCH"])
def registration(request: HttpRequest, course_id: str) -> HttpResponse:
    """The course's whole list of exams."""
    try:
        ids = SYSTEM.register(course_id, json.loads(request.body))
    except (Refused, ValueError, TypeError) as error:
        return JsonResponse({"detail": str(error)}, status=400)
    return JsonResponse([{"exam_id": id_} for id_ in ids], safe=False)


@for_the_exam_service
@require_GET
def learners_exam(request: HttpRequest, course_id: str) -> HttpResponse:
    """An exam with a learner's attempt of it, and the attempt that runs at the moment."""
    exam = SYSTEM.exam(request.GET.get("content_id", ""))
    user_id = _user_id(request)
    active = SYSTEM.running_attempt(user_id)
    answer: dict[str, Any] = {"exam": {}, "active_attempt": active.as_json() if active else {}}
    if exam is not None and exam.course_id == course_id:
        attempt = SYSTEM.attempt_of(exam.content_id, user_id)
        answer["exam"] = {
            **vars(exam),
            "type": exam.exam_type,
            "backend": None,
            "use_legacy_attempt_api": True,
            "passed_due_date": False,
            "total_time": exam.time_limit_mins,
            "attempt": attempt.as_json() if attempt else {},
        }
    return JsonResponse(answer)


@for_the_exam_service
@require_GET
def provider_settings(request: HttpRequest, exam_id: int) -> HttpResponse:
    """Show the contact for help."""
    return JsonResponse(SUPPORT)


@for_the_exam_service
@require_GET
def active_attempt(request: HttpRequest) -> HttpResponse:
    """The learner's running attempt, if there is one."""
    attempt = SYSTEM.running_attempt(_user_id(request))
    return JsonResponse(attempt.as_json() if attempt else {})


@for_the_exam_service
@require_GET
def onboarding(request: HttpRequest) -> HttpResponse:
    """The demo course has no exam to get used to the tool."""
    return JsonResponse({"detail": "This course has no onboarding exam."}, status=404)


def _user_id(request: HttpRequest) -> int:
    text = request.GET.get("user_id", "")
    return int(text) if text.isascii() and text.isdigit() else 0


# What learners do


@for_learners
@require_GET
def review_policy(request: HttpRequest, person: Person, exam_id: int) -> HttpResponse:
    """Rules for one exam beyond those for all. The learning interface asks here for the exam service's exams too."""
    return JsonResponse({"review_policy": None})


@for_learners
@require_POST
def create_attempt(request: HttpRequest, person: Person) -> HttpResponse:
    """Begin an exam."""
    wish = json.loads(request.body)
    start = str(wish.get("start_clock", "")).lower() == "true"
    return JsonResponse({"exam_attempt_id": SYSTEM.create(int(wish["exam_id"]), person, start=start).id})


@for_learners
@require_http_methods(["GET", "PUT"])
def act(request: HttpRequest, person: Person, attempt_id: int) -> HttpResponse:
    """GET: how it stands, which a running exam's page asks each minute. PUT: go on with it, stop, hand it in."""
    if request.method == "GET":
        attempt = SYSTEM.own_attempt(attempt_id, person)
        return JsonResponse({"status": attempt.status, "time_remaining_seconds": attempt.seconds_left})
    return JsonResponse({"exam_attempt_id": SYSTEM.act(attempt_id, person, json.loads(request.body)["action"]).id})
