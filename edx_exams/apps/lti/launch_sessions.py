# SPDX-License-Identifier: AGPL-3.0-only
"""
The launch cookie: it ties a launch to the browser in which it was begun. It is not a log-in.

The LMS's token says who a person is when a launch begins. A tool's cross-site posts bring no such token along, only
this cookie. It opens the steps of a launch and the roster, for two hours from the last launch, and nothing else;
Django's session is neither read nor written, so a log-in to the admin in the same browser stays as it is.
"""

import hashlib
import secrets
from datetime import datetime
from typing import Final, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from edx_exams.apps.core.models import User
from edx_exams.apps.lti.models import LAUNCH_LIFETIME, LaunchSession, LtiLaunch, new_secret

COOKIE_NAME: Final = "edx_exams_launch"
COOKIE_PATH: Final = "/lti/"
#: Characters of a cookie's value that can be one of ours.
_MAX_SECRET_LENGTH: Final = 128
#: Cookies of this name that are looked at.
_MAX_COOKIES: Final = 8


class OpenedSession(NamedTuple):
    """
    A launch session of this browser and this person.

    :param secret: the cookie's value
    :param secret_hash: kept with each launch that is begun in it
    """

    secret: str
    secret_hash: str


def digest(text: str) -> str:
    """Digest under which we store a secret that somebody else holds."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def open_session(request: HttpRequest, user: User, *, now: datetime | None = None) -> OpenedSession:
    """
    Go on with the browser's launch session if it is this person's, else begin an empty one.

    The secret stays the same for all launches of a person in one browser, so that a second tab does not end the first.

    :param user: as authenticated; global staff only if this request's credentials say so
    """
    now = now or timezone.now()
    values = {"expires_at": now + LAUNCH_LIFETIME, "is_staff": user.is_staff}
    for secret in _secrets_of(request):
        existing = LaunchSession.objects.filter(secret_hash=digest(secret))
        if existing.filter(user=user, expires_at__gt=now).update(**values):
            return OpenedSession(secret, digest(secret))
        existing.delete()  # another person's, or expired: nothing of it survives
    secret = new_secret()
    LaunchSession.objects.create(secret_hash=digest(secret), user=user, **values)
    return OpenedSession(secret, digest(secret))


def set_cookie(response: HttpResponse, session: OpenedSession) -> None:
    """
    Hand the browser its launch cookie.

    Tools post to us from their own site, often out of a frame: hence `SameSite=None`. Not `Partitioned`: the tool may
    come back in a window of its own.
    """
    response.set_cookie(
        COOKIE_NAME,
        session.secret,
        max_age=LAUNCH_LIFETIME,
        path=COOKIE_PATH,
        secure=True,
        httponly=True,
        samesite="None",
    )


def has_cookie(request: HttpRequest) -> bool:
    """Tell whether the browser sent a launch cookie; inside another site's frame it may withhold it."""
    return COOKIE_NAME in request.COOKIES


def current_user(request: HttpRequest) -> User | None:
    """
    Find the person of the browser's launch session, None if there is none that is still valid.

    Global staff rights count only if the launch was made with them and the person still has them.

    :returns: perhaps somebody whose account is not active
    """
    session = next(iter(_sessions_of(request)), None)
    if session is None:
        return None
    user = session.user
    user.is_staff = user.is_staff and session.is_staff
    user.is_superuser = user.is_superuser and session.is_staff
    return user


def current_hash(request: HttpRequest) -> str | None:
    """Return the hash that the browser's launches bear, None without a valid launch session."""
    return next((session.secret_hash for session in _sessions_of(request) if session.user.is_active), None)


def belongs_to_browser(launch: LtiLaunch, request: HttpRequest) -> bool:
    """Tell whether a launch was begun in this browser's launch session, and the session is still its person's."""
    return any(
        session.user.is_active
        and session.user_id == launch.user_id
        and secrets.compare_digest(session.secret_hash, launch.session_hash)
        for session in _sessions_of(request)
    )


def _sessions_of(request: HttpRequest) -> list[LaunchSession]:
    """Return the browser's launch sessions that are still valid: one, but where it has a foreign cookie as well."""
    hashes = [digest(secret) for secret in _secrets_of(request)]
    if not hashes:
        return []
    sessions = LaunchSession.objects.select_related("user")
    return list(sessions.filter(secret_hash__in=hashes, expires_at__gt=timezone.now()).order_by("-pk"))


def _secrets_of(request: HttpRequest) -> list[str]:
    """
    Return the values that the browser sent under the cookie's name.

    There may be several: another service of the same domain can set a cookie of this name for all of the domain, and
    `request.COOKIES` keeps the last, which need not be ours (RFC 6265, section 8.6).
    """
    pairs = (part.partition("=") for part in request.META.get("HTTP_COOKIE", "").split(";"))
    values = [value.strip() for name, _, value in pairs if name.strip() == COOKIE_NAME]
    return [value for value in values if 0 < len(value) <= _MAX_SECRET_LENGTH][:_MAX_COOKIES]
