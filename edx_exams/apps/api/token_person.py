# SPDX-License-Identifier: AGPL-3.0-only
"""The person whom a verified token names, with the rights that this token gives."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from edx_exams.apps.api.tokens import VerifiedToken
from edx_exams.apps.core.exceptions import AccountDisabled, PersonRefused
from edx_exams.apps.core.models import User
from edx_exams.apps.core.own_accounts import has_rights_of_its_own
from edx_exams.apps.core.people import person


def token_person(
    token: VerifiedToken,
    username: str,
    attributes: Mapping[str, Any],
    look_up: Callable[[int], list[User]] | None = None,
) -> User:
    """
    Find the person whom a token names, created or brought up to date with its claims.

    :param attributes: what the claims say of the user, by the names of our fields, `lms_user_id` included
    :param look_up: finds the rows with an LMS user id, where something is wanted along with the person
    :raises AuthenticationFailed: the claims name nobody who may come
    """
    claims = token.claims
    details = dict(attributes)
    lms_user_id = details.pop("lms_user_id", None)
    try:
        return person(
            lms_user_id,
            username,
            attributes=details,
            administrator=claims.get("administrator") is True,
            issued_at=_issued_at(claims),
            is_worker=token.is_symmetric,
            look_up=look_up,
        )
    except PersonRefused as refusal:
        raise AuthenticationFailed(str(refusal)) from None


def _issued_at(claims: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(claims["iat"], UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        message = "The token's time of issue is not valid."
        raise AuthenticationFailed(message) from None


def require_active(user: User) -> None:
    """
    Keep out whoever has been deactivated here.

    :raises PermissionDenied: the account is not active
    """
    if not user.is_active:
        raise PermissionDenied(str(AccountDisabled()))


def with_rights_of(token: VerifiedToken, user: User) -> User:
    """
    Return the caller with the rights that the token gives, for this request; what is stored stays.

    Without the claim `administrator` a browser's token gives no global-staff rights, nor does a worker's those of an
    operator's own account: the LMS did not say that they have them. With it, it is the token's word that counts, unless
    the LMS has said otherwise since; what a worker's says is not always stored, for it has no id.
    """
    says = token.claims.get("administrator")
    if user.is_staff and says is None:
        user.is_staff = token.is_symmetric and not has_rights_of_its_own(user)
    elif user.is_staff:
        user.is_staff = says is True
    elif says is True and token.is_symmetric and token.claims.get("user_id") is None:
        user.is_staff = user.told_at is None or user.told_at < _issued_at(token.claims)
    return user
