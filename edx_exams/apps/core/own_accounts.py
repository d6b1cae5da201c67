# SPDX-License-Identifier: AGPL-3.0-only
"""Accounts that operators made, or gave rights to: whoever registers their name in the LMS must not have them."""

import logging

from edx_exams.apps.core.exceptions import PersonRefused
from edx_exams.apps.core.introductions import Introduction
from edx_exams.apps.core.models import User

log = logging.getLogger(__name__)


def signs_in_here(user: User) -> bool:
    """Tell whether the account has a password of this service, or may do everything: no statement."""
    return user.is_superuser or (bool(user.password) and user.has_usable_password())


def has_rights_of_its_own(user: User) -> bool:
    """Tell whether an operator gave this account a password or rights that no token gives."""
    return signs_in_here(user) or user.groups.exists() or user.user_permissions.exists()


def is_own_account(user: User) -> bool:
    """Tell whether an operator made this account, or a worker uses it."""
    return user.is_staff or has_rights_of_its_own(user)


def has_any_right(user: User) -> bool:
    """Tell whether the account may do anything that not everybody may, a course's team included."""
    return is_own_account(user) or user.coursestaffrole_set.exists()


def require_not_own_account(holder: User, introduced: Introduction) -> None:
    """
    Keep an operator's account, or a worker's, from whoever registers its name in the LMS.

    :raises PersonRefused: they are not an administrator of the platform
    """
    if not introduced.administrator and is_own_account(holder):
        log.warning("Refused: user %d is an operator's own account, and who comes is no administrator.", holder.pk)
        message = "This username belongs to an account of this service's operators. Please ask them for another one."
        raise PersonRefused(message)


def require_known_by_name(row: User, introduced: Introduction) -> None:
    """
    Let somebody who comes without an id have a row by its name alone, where that is safe.

    The LMS may have given the name to somebody else. Workers have no other name; a browser's token without the id is
    one that was asked for without it, and gets nothing that is anybody's.

    :raises PersonRefused: the row is that of a person whose id is known, or has rights
    """
    if introduced.issued_at is None or not row.is_active:
        return
    if introduced.is_worker:
        if signs_in_here(row):
            require_not_own_account(row, introduced)
    elif row.lms_user_id is not None or has_any_right(row):
        log.warning("Refused: a token without an LMS user id names user %d, who has one, or rights.", row.pk)
        message = "The token does not say which user you are: it must carry the claim user_id (scope user_id)."
        raise PersonRefused(message)
