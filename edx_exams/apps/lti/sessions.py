"""
The browser's session, in which a launch is begun and to which the tool's answers must come back.

The person is known by the LMS's token when a launch begins. A tool's posts bring no such token along, only our session.
"""

import hashlib
import secrets
from typing import Any, Final

from django.contrib.auth import get_user, login
from django.http import HttpRequest

from edx_exams.apps.core.models import User

#: Where the session keeps what binds launches to it.
_SESSION_KEY: Final = "lti_browser"
#: Where Django looks up the session's person.
_BACKEND: Final = "django.contrib.auth.backends.ModelBackend"
#: Where Django keeps the CSRF cookie's secret during a request, and whether it is sent anew.
_CSRF: Final = ("CSRF_COOKIE", "CSRF_COOKIE_NEEDS_UPDATE")


def digest(text: str) -> str:
    """Digest under which we store a secret that somebody else holds."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sign_in(request: HttpRequest, user: User) -> str:
    """
    Make the browser's session this person's.

    :returns: the digest of a secret that only this session holds; the same for all launches of a person in it
    """
    if get_user(request) != user:
        _log_in(request, user)
    return digest(request.session.setdefault(_SESSION_KEY, secrets.token_urlsafe(32)))


def _log_in(request: HttpRequest, user: User) -> None:
    """
    Log in, and leave the CSRF cookie as it is, which Django would replace.

    The exam is open in another tab, whose next request would be refused with the token that it has. It says who it is
    by the LMS's cookies, as this request does: nothing that the cookie protects has changed hands.
    """
    before: dict[str, Any] = {name: request.META[name] for name in _CSRF if name in request.META}
    login(request, user, backend=_BACKEND)
    if before.get("CSRF_COOKIE"):
        for name in _CSRF:
            request.META.pop(name, None)
        request.META.update(before)


def has_session(request: HttpRequest) -> bool:
    """Tell whether the browser sent the session in which a launch was begun; it may withhold such cookies."""
    return _SESSION_KEY in request.session


def is_of_this_browser(request: HttpRequest, *, user_id: int, session_hash: str) -> bool:
    """Tell whether this person's launch was begun in this request's session, and the session is still theirs."""
    secret = request.session.get(_SESSION_KEY)
    if not isinstance(secret, str) or request.user.pk != user_id:
        return False
    return secrets.compare_digest(digest(secret), session_hash)
