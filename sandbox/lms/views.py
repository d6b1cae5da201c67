# SPDX-License-Identifier: AGPL-3.0-only
"""Pages of the sandbox LMS. Each is a frame with a few facts in it; its script asks the exam service for the rest."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token, rotate_token
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from sandbox import keys
from sandbox.environment import this_sandbox
from sandbox.lms import tokens
from sandbox.lms.courses import BY_ID, COURSES, Course, Section
from sandbox.lms.exam_service import ExamServiceUnavailable, is_exam
from sandbox.lms.middleware import SESSION_KEY
from sandbox.lms.older_exams.system import PATH as OLDER_EXAMS
from sandbox.lms.older_exams.system import SYSTEM as OLDER_SYSTEM
from sandbox.lms.people import BY_USERNAME, PEOPLE, Person


def everywhere(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page."""
    return {"person": getattr(request, "person", None), "exams_url": this_sandbox().exams_url}


def person_of(request: HttpRequest) -> Person:
    """The signed-in person; the middleware has let nobody else come here."""
    person: Person = request.person  # type: ignore[attr-defined]  # set by middleware.sign_in_required
    return person


def course_or_404(course_id: str) -> Course:
    """The course of this id."""
    if course_id not in BY_ID:
        raise Http404("There is no such course here.")
    return BY_ID[course_id]


def section_or_404(course: Course, content_id: str) -> Section:
    """The course's section of this usage key."""
    if (section := course.section(content_id)) is None:
        raise Http404("There is no such section in this course.")
    return section


def page(request: HttpRequest, template: str, *, facts: dict[str, Any], **context: Any) -> HttpResponse:
    """A page whose script reads ``facts`` out of it, beside who is signed in and where the exam service is."""
    person = person_of(request)
    everything = {
        "examsUrl": this_sandbox().exams_url,
        "refreshUrl": reverse("login-refresh"),
        "signInUrl": reverse("sign-in"),
        "person": {"username": person.username, "userId": person.user_id},
        **facts,
    }
    return render(request, f"sandbox/{template}.html", {"facts": everything, **context})


# Signing in and out


@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """Choose who to be. A person's card is the whole form: there are no passwords in a sandbox."""
    going_to = request.GET.get("next") or request.POST.get("next") or "/"
    if not url_has_allowed_host_and_scheme(going_to, allowed_hosts=None):
        going_to = "/"
    if request.method == "POST" and (person := BY_USERNAME.get(request.POST.get("username", ""))):
        request.session.cycle_key()
        request.session[SESSION_KEY] = person.username
        rotate_token(request)
        response: HttpResponse = redirect(going_to)
        tokens.set_identity_cookies(response, person)
        return response
    learners = [person for person in PEOPLE if person.is_learner]
    staff = [person for person in PEOPLE if not person.is_learner]
    groups = [("Learners", learners), ("Staff", staff)]
    return render(
        request,
        "sandbox/sign_in.html",
        {"groups": groups, "going_to": going_to, "is_signed_out": "signed_out" in request.GET},
    )


# The exam service sends people here by a plain link when they sign out of its admin.
@require_http_methods(["GET", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session and take the identity cookies away."""
    request.session.flush()
    response = redirect("sign-in")
    tokens.delete_identity_cookies(response)
    return response


# A refresh changes nothing but the caller's own cookies, and the session cookie does not travel across sites.
@csrf_exempt
@require_POST
@never_cache
def login_refresh(request: HttpRequest) -> HttpResponse:
    """New identity cookies for whoever has a session; 401 for everybody else."""
    person: Person | None = getattr(request, "person", None)
    if person is None:
        return JsonResponse({"detail": "Nobody is signed in."}, status=401)
    response = JsonResponse({"success": True, "user_id": person.user_id})
    tokens.set_identity_cookies(response, person)
    return response


@require_safe
@never_cache
def csrf_token(request: HttpRequest) -> HttpResponse:
    """The token that a learning interface sends with whatever changes something here."""
    return JsonResponse({"csrfToken": get_token(request)})


@require_safe
def key_set(request: HttpRequest) -> HttpResponse:
    """The LMS's public signing keys."""
    return JsonResponse(json.loads(keys.public_keys(this_sandbox().keys, keys.LMS)))


# Learning


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """All courses, with what this person may do in each."""
    person = person_of(request)
    return page(request, "home", facts={}, courses=[(course, course.id in person.teaches) for course in COURSES])


@require_GET
def outline(request: HttpRequest, course_id: str) -> HttpResponse:
    """A course's sections, each with its exam's state."""
    course = course_or_404(course_id)
    sections = [{"contentId": section.content_id} for section in course.sections]
    facts = {"courseId": course.id, "sections": sections}
    return page(request, "outline", facts=facts, course=course, tab="outline")


@require_GET
def section_page(request: HttpRequest, course_id: str, content_id: str) -> HttpResponse:
    """One section. Its content is not in the page: the script fetches it, with an access token if it is an exam."""
    course = course_or_404(course_id)
    section = section_or_404(course, content_id)
    facts = {
        "courseId": course.id,
        "contentId": section.content_id,
        "title": section.title,
        "outlineUrl": reverse("outline", args=[course.id]),
        "contentUrl": reverse("content", args=[course.id, section.content_id]),
        "legacyUrl": OLDER_EXAMS if course.is_routed else None,
        "csrfToken": get_token(request),
    }
    return page(request, "section", facts=facts, course=course, section=section, tab="outline")


@require_GET
@never_cache
def content(request: HttpRequest, course_id: str, content_id: str) -> HttpResponse:
    """
    A section's content. That of an exam is given out only against a valid token of the exam service in ``exam_access``.

    403 without one, 503 if the exam service does not say whether this is an exam. An exam of the older system opens
    while its attempt runs.
    """
    course = course_or_404(course_id)
    section = section_or_404(course, content_id)
    person = person_of(request)
    if course.is_routed:
        if not OLDER_SYSTEM.may_read(section.content_id, person):
            return JsonResponse({"detail": "The content is shown while your attempt is in progress."}, status=403)
        return _content_of(section)
    try:
        if is_exam(course.id, section.content_id, asked_for=person):
            token = request.GET.get("exam_access", "")
            tokens.check_exam_access(token, person, course_id=course.id, content_id=section.content_id)
    except ExamServiceUnavailable:
        return JsonResponse({"detail": "The exam service does not answer, so this stays closed for now."}, status=503)
    except tokens.NoAccess as refusal:
        return JsonResponse({"detail": str(refusal)}, status=403)
    return _content_of(section)


def _content_of(section: Section) -> JsonResponse:
    return JsonResponse({"body": section.body, "questions": [asdict(question) for question in section.questions]})


# Running exams


@require_GET
def studio(request: HttpRequest, course_id: str) -> HttpResponse:
    """Show which sections are exams, and who supervises them."""
    course = course_or_404(course_id)
    sections = [{"contentId": section.content_id, "title": section.title} for section in course.sections]
    # The exam service lists the exams of its own courses only.
    legacy_exams = OLDER_SYSTEM.registered(course.id) if course.is_routed else None
    facts = {"courseId": course.id, "sections": sections, "legacyExams": legacy_exams}
    return page(request, "studio", facts=facts, course=course, tab="studio")


@require_GET
def attempts(request: HttpRequest, course_id: str) -> HttpResponse:
    """The learners' attempts, to review and reset."""
    course = course_or_404(course_id)
    return page(request, "attempts", facts={"courseId": course.id}, course=course, tab="attempts")


@require_GET
def allowances(request: HttpRequest, course_id: str) -> HttpResponse:
    """Show what learners are allowed: extra time, exceptions for the review."""
    course = course_or_404(course_id)
    return page(request, "allowances", facts={"courseId": course.id}, course=course, tab="allowances")


# The rest


@require_GET
def contact_us(request: HttpRequest) -> HttpResponse:
    """Show the page to which the exam service's e-mails send people who have a question."""
    return render(request, "sandbox/contact_us.html")


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """This server answers."""
    return JsonResponse({"overall_status": "OK"})


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For pages without one of their own, such as answers in JSON."""
    return redirect(static("sandbox/icon.svg"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 page."""
    return render(request, "sandbox/not_found.html", status=404)
