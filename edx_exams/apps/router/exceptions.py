# SPDX-License-Identifier: AGPL-3.0-only
"""Failures of the legacy service, with their HTTP status."""

from edx_exams.apps.core.exceptions import ExamBaseException


class LegacyServiceFailed(ExamBaseException):
    """The legacy service gave no answer that could be passed on."""

    http_status = 502
    text = "The platform's older exam system, which has the exams of this course, failed. Please try again later."

    def __init__(self) -> None:
        super().__init__(self.text)


class UnusableResponse(LegacyServiceFailed):
    """It answered, but with nothing that we could pass on; or it gave us no token."""


class Unreachable(LegacyServiceFailed):
    """It could not be reached, or did not answer in time."""

    http_status = 504
    text = "The platform's older exam system, which has the exams of this course, did not answer. Please try again."


class ConnectionCut(Unreachable):
    """A connection ended before an answer came, as one kept open may that the other side has just given up."""
