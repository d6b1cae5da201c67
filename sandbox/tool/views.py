# SPDX-License-Identifier: AGPL-3.0-only
"""Pages of the proctoring tool. The learner's open only in the browser that was launched; the console to everybody."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from sandbox.environment import this_sandbox
from sandbox.tool import platform
from sandbox.tool.sittings import AP, LTI, Incident, Sitting, Sittings, State, now

# Reason codes of the assessment control that this tool knows, and what they mean.
REASONS: Final = {
    "1": "Ended normally",
    "0": "Lost the connection",
    "2": "Left the exam's page",
    "4": "Left full screen",
    "9": "Closed or reloaded the exam",
    "14": "Battery ran out",
    "15": "Plugged in another monitor",
    "16": "Unplugged camera or microphone",
}
ACTIONS: Final = ("pause", "resume", "update", "flag", "terminate")

_MINE: Final = "sittings"
_INSTRUCTOR: Final = "instructor"


@cache
def sittings() -> Sittings:
    """All sittings of this tool."""
    return Sittings(this_sandbox().tool_files / "sittings.sqlite3")


def sitting_or_404(id: str) -> Sitting:  # noqa: A002
    """The sitting of this id."""
    if (found := sittings().get(id)) is None:
        raise Http404("There is no such sitting.")
    return found


def my_sitting_or_404(request: HttpRequest, id: str) -> Sitting:  # noqa: A002
    """The sitting of this id, for the browser that was launched into it."""
    if id not in request.session.get(_MINE, []):
        raise Http404("This browser was not launched into that sitting.")
    return sitting_or_404(id)


# LTI


@csrf_exempt  # the platform's browser comes from another site
@require_http_methods(["GET", "POST"])
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """A launch is announced; we ask the platform who it is."""
    try:
        return platform.begin_login(request)
    except platform.Refused as refusal:
        return refused(request, refusal)


@csrf_exempt  # what it holds is signed
@require_POST
@never_cache
def launch(request: HttpRequest) -> HttpResponse:
    """The platform's answer: a learner begins, a learner is through, or an instructor wants to look."""
    try:
        claims = platform.read_launch(request)
    except platform.Refused as refusal:
        return refused(request, refusal)
    match claims[f"{LTI}message_type"]:
        case platform.START_PROCTORING:
            begun = sittings().begin(claims)
            request.session[_MINE] = [*request.session.get(_MINE, []), begun.id]
            return redirect("check-in", begun.id)
        case platform.END_ASSESSMENT:
            return _end(request, claims)
        case _:
            request.session[_INSTRUCTOR] = claims
            return redirect("console")


def _end(request: HttpRequest, claims: dict[str, Any]) -> HttpResponse:
    if (known := sittings().find(claims)) is None:
        return refused(request, platform.Refused("This tool does not know the exam that has ended."))
    if claims[f"{AP}session_data"] != known.session_data:
        return refused(request, platform.Refused("This end belongs to another launch of the exam."))
    with sittings().changing(known.id) as ended:
        ended.has_left = True
        ended.error = str(claims.get(f"{AP}errormsg", ""))
        ended.claims[f"{LTI}launch_presentation"] = claims.get(f"{LTI}launch_presentation", {})
    request.session[_MINE] = [*request.session.get(_MINE, []), known.id]
    return redirect("goodbye", known.id)


@require_safe
def key_set(request: HttpRequest) -> HttpResponse:
    """The tool's public keys."""
    return JsonResponse(platform.key_set())


# The learner


@require_http_methods(["GET", "POST"])
@never_cache
def check_in(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
    """Photo and ID, for show: the camera is a drawing. Then the word to the platform, by the learner's browser."""
    mine = my_sitting_or_404(request, id)
    if request.method == "GET":
        return render(request, "tool/check_in.html", {"sitting": mine, "claims": _readable(mine.claims)})
    name = request.POST.get("name", "").strip()[:80]
    if not name or "photo" not in request.POST or "document" not in request.POST:
        context = {"sitting": mine, "claims": _readable(mine.claims), "name": name, "is_incomplete": True}
        return render(request, "tool/check_in.html", context, status=400)
    with sittings().changing(mine.id) as checked:
        checked.name = name
        if checked.state == State.setting_up:
            checked.state = State.ready
    return render(request, "tool/start.html", {"sitting": mine, "message": platform.start_assessment_message(mine)})


@require_GET
@never_cache
def goodbye(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
    """The end of a sitting, and the way back."""
    return render(request, "tool/goodbye.html", {"sitting": my_sitting_or_404(request, id)})


# The proctors


@require_GET
@never_cache
def console(request: HttpRequest) -> HttpResponse:
    """All sittings, those that go on first; for an instructor those of the exam that was launched."""
    shown = sittings().all()
    instructor = request.session.get(_INSTRUCTOR)
    if "all" in request.GET:
        request.session.pop(_INSTRUCTOR, None)
        return redirect("console")
    if instructor:
        exam = instructor[f"{LTI}resource_link"]["id"]
        shown = [sitting for sitting in shown if sitting.resource_id == exam]
    context = {
        "running": [sitting for sitting in shown if not sitting.is_over],
        "over": [sitting for sitting in shown if sitting.is_over],
        "exam": instructor and instructor[f"{LTI}resource_link"].get("title", ""),
        "roster_url": instructor and instructor.get(f"{LTI}custom", {}).get("roster_url"),
        "claims": instructor and _readable(instructor),
    }
    return render(request, "tool/console.html", context)


@require_GET
@never_cache
def sitting(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
    """One sitting: what is known of it, what was done, what can be done."""
    shown = sitting_or_404(id)
    context = {
        "sitting": shown,
        "claims": _readable(shown.claims),
        "incidents": [(incident, REASONS.get(incident.reason, incident.reason)) for incident in shown.incidents[::-1]],
        "reasons": REASONS.items(),
    }
    return render(request, "tool/sitting.html", context)


@require_POST
def control(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
    """Carry a proctor's action out at the platform, and write down how it was taken."""
    watched = sitting_or_404(id)
    action = request.POST.get("action", "")
    if action not in ACTIONS:
        raise Http404("There is no such action.")
    minutes = None
    if action == "update":
        minutes = watched.extra_minutes + _whole_minutes(request.POST.get("minutes", ""))
    wish = Incident(
        at=now(),
        action=action,
        reason=request.POST.get("reason", "") if action in {"flag", "terminate"} else "",
        severity=request.POST.get("severity", "").strip() if action in {"flag", "terminate"} else "",
        message=request.POST.get("message", "").strip(),
        minutes=minutes,
    )
    try:
        state = platform.control(watched, wish)
    except platform.Refused as refusal:
        done = Incident(**{**vars(wish), "answer": str(refusal), "was_accepted": False})
        messages.error(request, str(refusal))
    else:
        done = Incident(**{**vars(wish), "answer": state or "not begun"})
        messages.success(request, f"Done. The platform says: {done.answer}.")
    with sittings().changing(watched.id) as changed:
        changed.incidents.append(done)
        if done.was_accepted:
            changed.state = State(done.answer) if done.answer in list(State) else changed.state
            changed.extra_minutes = minutes if minutes is not None else changed.extra_minutes
    return redirect("sitting", watched.id)


def _whole_minutes(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


# The rest


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """This server answers."""
    return JsonResponse({"overall_status": "OK"})


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For answers that are no page of ours."""
    return redirect(static("tool/icon.svg"))


def refused(request: HttpRequest, refusal: platform.Refused) -> HttpResponse:
    """400 page: a message that the tool does not take."""
    return render(request, "tool/refused.html", {"reason": str(refusal)}, status=400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 page."""
    return render(request, "tool/not_found.html", status=404)


def _readable(claims: dict[str, Any]) -> list[tuple[str, str]]:
    """Claims as rows to read: the last part of each name, and its value."""
    rows = []
    for name, value in claims.items():
        short = name.rpartition("/")[2]
        rows.append((short, value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)))
    return rows
