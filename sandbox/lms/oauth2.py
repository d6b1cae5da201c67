# SPDX-License-Identifier: AGPL-3.0-only
"""
The LMS as an OAuth2 provider: access tokens for the exam service itself, and single sign-on for its admin.

Only what the exam service asks of it: RFC 6749, sections 4.1 (authorization code) and 4.4 (client credentials).
"""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from sandbox.environment import SSO_KEY, SSO_SECRET, WORKER_KEY, WORKER_SECRET, this_sandbox
from sandbox.lms import tokens
from sandbox.lms.people import BY_USERNAME, WORKER, Person

CODE_SECONDS: Final = 60
_CODE: Final = "authorization code"


@require_GET
@never_cache
def authorize(request: HttpRequest) -> HttpResponse:
    """Send whoever is signed in back to the exam service with a code; whoever is not signs in first."""
    person: Person | None = getattr(request, "person", None)
    if person is None:
        return redirect(reverse("sign-in") + "?" + urlencode({"next": request.get_full_path()}))
    going_to = request.GET.get("redirect_uri", "")
    if request.GET.get("client_id") != SSO_KEY or not going_to.startswith(f"{this_sandbox().exams_url}/complete/"):
        return HttpResponseBadRequest("Only the exam service of this sandbox signs people on here.")
    code = signing.dumps([person.username, going_to], salt=_CODE)
    answer = {"code": code, "state": request.GET.get("state", "")}
    return redirect(going_to + ("&" if "?" in going_to else "?") + urlencode(answer))


@csrf_exempt  # no cookies
@require_POST
def access_token(request: HttpRequest) -> HttpResponse:
    """An access token: the service account's, or against a code the person's who signed on."""
    person: Person | None
    match request.POST.get("grant_type"):
        case "client_credentials":
            client, person = (WORKER_KEY, WORKER_SECRET), WORKER
        case "authorization_code":
            client, person = (SSO_KEY, SSO_SECRET), _person_of_code(request)
        case _:
            return JsonResponse({"error": "unsupported_grant_type"}, status=400)
    given = (request.POST.get("client_id", ""), request.POST.get("client_secret", ""))
    if not all(hmac.compare_digest(*pair) for pair in zip(given, client, strict=True)):
        return JsonResponse({"error": "invalid_client"}, status=401)
    if person is None:
        return JsonResponse({"error": "invalid_grant"}, status=400)
    answer = {
        "access_token": tokens.identity_token(person),
        "token_type": "JWT",
        "expires_in": tokens.TOKEN_SECONDS,
        "scope": "user_id read write profile email",
    }
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _person_of_code(request: HttpRequest) -> Person | None:
    try:
        username, going_to = signing.loads(request.POST.get("code", ""), salt=_CODE, max_age=CODE_SECONDS)
    except signing.BadSignature:
        return None
    return BY_USERNAME.get(username) if going_to == request.POST.get("redirect_uri") else None
