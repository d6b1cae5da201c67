# SPDX-License-Identifier: AGPL-3.0-only
"""
Steps of the sign-on's pipeline that find out who has signed in.

They stand in for those of social-core and edx-auth-backends, which look for a stored association first and for a
username then. An association is stored by username, and the platform gives usernames to others: a newcomer would be
logged in as the name's old owner.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from django.utils.translation import gettext as _
from social_core.backends.base import BaseAuth
from social_core.exceptions import AuthException
from social_django.models import UserSocialAuth

from edx_exams.apps.core.exceptions import AccountDisabled, ExamBaseException
from edx_exams.apps.core.limits import concrete_field, is_storable
from edx_exams.apps.core.models import User
from edx_exams.apps.core.people import person

#: Our fields by the names that edx-auth-backends gives to the claims. `is_superuser` is not among them: it is an
#: operator's to give.
_FIELDS: Final = ("email", "full_name", "first_name", "last_name", "is_staff")


class SignOnRefused(AuthException):
    """Nobody is logged in; the message is shown on the front page."""


def find_person(
    backend: BaseAuth, details: Mapping[str, Any], response: Mapping[str, Any], uid: str, **_kwargs: Any
) -> dict[str, Any]:
    """
    Find the person whom the platform's token names, by LMS user id, and their own association.

    :raises SignOnRefused: the token has no user id, or names somebody who may not come
    :raises AccountDisabled: their account is not active
    """
    lms_user_id = response.get("user_id")
    if not isinstance(lms_user_id, int) or isinstance(lms_user_id, bool):
        message = _("The platform did not say which user you are (user_id). Please tell its operators.")
        raise SignOnRefused(backend, message)
    attributes = {name: details[name] for name in _FIELDS if details.get(name) is not None}
    try:
        user = person(
            lms_user_id,
            str(details.get("username") or ""),
            attributes={k: v for k, v in attributes.items() if is_storable(v, concrete_field(User, k))},
            administrator=response.get("administrator") is True,
            issued_at=_issued_at(response),
        )
    except ExamBaseException as refusal:
        raise SignOnRefused(backend, str(refusal)) from None
    if not user.is_active:
        raise AccountDisabled
    social = _own_association(backend.name, uid, user)
    return {"user": user, "is_new": False, "social": social, "new_association": social is None}


def _issued_at(response: Mapping[str, Any]) -> datetime | None:
    """Return the time at which the platform issued its token; None, which renames nobody, where it does not say."""
    try:
        claims = jwt.decode(response["access_token"], options={"verify_signature": False})  # it came by our own request
        return datetime.fromtimestamp(claims["iat"], UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _own_association(provider: str, uid: str, user: User) -> UserSocialAuth | None:
    """
    Return the person's association by their name, None if there is none; remove whatever else would pass for it.

    Somebody else's of this name is from before the platform gave the name away. The column may compare without regard
    to case; then two names that differ in it cannot both have one, and the one who comes gets it.
    """
    own = None
    for association in UserSocialAuth.objects.filter(provider=provider, uid=uid):
        if association.user_id == user.pk and association.uid == uid:
            own = association
        else:
            association.delete()
    return own
