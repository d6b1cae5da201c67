# SPDX-License-Identifier: AGPL-3.0-only
"""Forget a retired person in the LTI tables."""

from typing import Any

from edx_exams.apps.core.models import User
from edx_exams.apps.lti.models import LaunchSession, LtiLaunch


def forget_launches(*, user: User, **_: Any) -> None:
    """End a person's launches: what a tool or browser still sends of them is refused."""
    LaunchSession.objects.filter(user=user).delete()
    LtiLaunch.objects.filter(user=user).delete()
