# SPDX-License-Identifier: AGPL-3.0-only
"""Refusals of launches, with their HTTP status."""

from django.utils.translation import gettext as _

from edx_exams.apps.core.exceptions import ExamBaseException


def exam_has_ended() -> str:
    """Text for a learner who comes back to an exam that has ended."""
    return _("This exam has ended already: it cannot be started any more.")


class CannotLaunch(ExamBaseException):
    """There is no tool to launch, or nothing to launch it for."""


class LaunchRefused(ExamBaseException):
    """The attempt is where no launch is begun any more."""

    http_status = 403

    def __init__(self) -> None:
        super().__init__(exam_has_ended())


class PrefetchRefused(ExamBaseException):
    """The browser asked ahead of its person."""

    http_status = 503

    def __init__(self) -> None:
        super().__init__("This link does something: it is not for fetching ahead.")


class KeysNotReady(Exception):
    """The keys of the tool are being fetched by another request; it is soon known whether the vendor answers."""
