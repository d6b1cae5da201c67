# SPDX-License-Identifier: AGPL-3.0-only
"""
Signing in with the platform: the steps that edx-auth-backends' `/login/` leads to.

Who comes back from the platform is whom the platform says it is. Neither a session that exists by then nor one that
began as somebody else's plays a part: the state of a sign-on is good for one use, in the session that began it, until
anybody logs in there.
"""

from importlib import import_module
from typing import Any, Final, cast

from auth_backends.backends import EdXOAuth2
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from social_core.actions import do_auth, do_complete
from social_django.utils import psa
from social_django.views import _do_login

from edx_exams.apps.core.exceptions import AccountDisabled

#: Key under which social-core keeps the state of a sign-on in the session.
_STATE: Final = f"{EdXOAuth2.name}_state"


@never_cache
@require_http_methods(["GET", "POST"])
@psa("social:complete")  # type: ignore[no-untyped-call, untyped-decorator]
def begin(request: HttpRequest, backend: str) -> HttpResponse:
    """
    Send a browser to the platform, which sends it back to `/complete/`.

    social_django's own view takes POST alone, while `/login/` is a link, and redirects. The step ends a session that
    there is, so no other site may make a browser take it on the quiet: only a page that is opened does.

    :raises PermissionDenied: it is asked for as a picture, a frame or a script
    """
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        message = "Signing in must be a top-level navigation."
        raise PermissionDenied(message)
    request.session.pop(_STATE, None)  # social-core would use that of an earlier sign-on again
    prepared: Any = request  # by `psa`
    return cast(HttpResponse, do_auth(prepared.backend, user=prepared.user))


@never_cache
@csrf_exempt  # the state is what protects it; the platform sends no token of ours
@psa("social:complete")  # type: ignore[no-untyped-call, untyped-decorator]
def complete(request: HttpRequest, backend: str) -> HttpResponse:
    """
    Log in the person whom the platform names.

    social_django's own view hands the session's user to the pipeline, which then ties the platform's account to that
    user, whoever it is. Here there is no such user.

    :raises PermissionDenied: the person's account is not active
    """
    prepared: Any = request  # by `psa`
    state = request.session.get(_STATE)
    try:
        return cast(
            HttpResponse,
            do_complete(prepared.backend, _do_login, user=None, redirect_name=REDIRECT_FIELD_NAME, request=request),
        )
    except AccountDisabled as refusal:
        raise PermissionDenied(str(refusal)) from None
    finally:
        given = request.POST.get("state") or request.GET.get("state") or ""
        if state is not None and constant_time_compare(given, state):
            request.session.pop(_STATE, None)


def forget_state(request: HttpRequest, **_: object) -> None:
    """Receive `user_logged_in`: a sign-on that was under way before is not completed in the new person's session."""
    request.session.pop(_STATE, None)


def clear_expired_sessions(**_: object) -> None:
    """Receive the sweep's end: delete log-ins that have expired."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
