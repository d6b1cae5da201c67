# SPDX-License-Identifier: AGPL-3.0-only
"""The hook of `exams/attempt/latest`: a learner's active attempt in the legacy service."""

from typing import Any, Final

from django.conf import settings

from edx_exams.apps.core.models import User
from edx_exams.apps.router.client import LegacyResponse, legacy_client
from edx_exams.apps.router.exceptions import LegacyServiceFailed

#: JSON refusals that speak of us and not of the learner whom we ask about: everybody would get them.
_REFUSALS_OF_US: Final = frozenset({401, 403, 429})


def active_attempt(user: User) -> dict[str, Any] | None:
    """
    The learner's active attempt as the legacy service tells it, None if there is none or it does not tell.

    Every learner in an exam asks this every few seconds. So nothing is tried twice, and a service that has failed is
    left alone for `LEGACY_PAUSE_AFTER_FAILURE` seconds.
    """
    if not settings.LEGACY_EXAMS_ENABLED or user.lms_user_id is None:
        return None
    client = legacy_client()
    if not client.breaker.allows():
        return None
    try:
        answer = client.ask("GET", "proctored_exam/active_attempt", query={"user_id": user.lms_user_id})
    except LegacyServiceFailed:
        client.breaker.failed()
        return None
    if not _works(answer):
        client.breaker.failed()
        return None
    client.breaker.succeeded()
    return answer.data if answer.status == 200 and answer.data else None


def _works(answer: LegacyResponse) -> bool:
    """Tell whether it is an answer about the learner."""
    if answer.status == 200:
        return isinstance(answer.data, dict) or not answer.data
    return answer.is_json and answer.status < 500 and answer.status not in _REFUSALS_OF_US
