# SPDX-License-Identifier: AGPL-3.0-only
"""
The refusals of the domain, and their reasons.

Each exception carries the HTTP status that a request ends with, and words for the person who reads them.
"""

from typing import ClassVar


class ExamBaseException(Exception):
    """A refusal by the rules of the domain. `str()` of it is shown to the caller."""

    http_status: ClassVar[int] = 400
    #: The field of the request that is to blame, where it is one.
    field: ClassVar[str | None] = None


def _no_attempt_of_yours(attempt_id: int) -> str:
    return f"There is no attempt {attempt_id} that is yours to change."


class ExamIllegalStatusTransition(ExamBaseException):
    """The attempt cannot go where it was asked to."""


class ExamAttemptOnPastDueExam(ExamBaseException):
    """The exam's due date has passed."""


class ExamDoesNotExist(ExamBaseException):
    """No such exam, or none that is active."""

    def __init__(self, exam_id: int) -> None:
        super().__init__(f"There is no active exam {exam_id}.")


class ExamRetired(ExamBaseException):
    """The exam of an attempt that has not begun was replaced or removed."""

    def __init__(self) -> None:
        super().__init__("This exam was changed since you opened it. Please open it again in your course.")


class ExamIsActiveAlready(ExamBaseException):
    """Another exam of the same content is active."""

    field = "is_active"


class ExamAttemptAlreadyExists(ExamBaseException):
    """The learner has an attempt of this exam."""

    def __init__(self, exam_name: str) -> None:
        super().__init__(f"There is an attempt of “{exam_name}” already.")


class ExamAttemptDoesNotExist(ExamBaseException):
    """No such attempt."""

    def __init__(self, attempt_id: int) -> None:
        super().__init__(_no_attempt_of_yours(attempt_id))


class NoSuchAssessment(ExamBaseException):
    """No attempt is the one that a proctoring tool means."""

    http_status = 404

    def __init__(self) -> None:
        super().__init__("There is no such assessment: user, resource link and attempt number.")


class AssessmentOfAnotherTool(ExamBaseException):
    """Another tool proctors the attempt that a proctoring tool means."""

    http_status = 403

    def __init__(self) -> None:
        super().__init__("Another tool proctors this assessment.")


class TooManyReports(ExamBaseException):
    """The tool has reported on this attempt more often than is kept."""

    http_status = 429


class NothingToReset(ExamBaseException):
    """No attempt of this learner at this exam."""

    http_status: ClassVar[int] = 404


class LearnerDoesNotExist(ExamBaseException):
    """Nobody has this user id."""


class PersonRefused(ExamBaseException):
    """Whoever comes under this name is not let in, or cannot be kept."""

    http_status: ClassVar[int] = 401


class PersonDoesNotExist(ExamBaseException):
    """Nobody here is the person that was meant."""

    http_status: ClassVar[int] = 404

    def __init__(self) -> None:
        super().__init__("Nobody here has this username or LMS user id.")


class UnreadableList(ExamBaseException):
    """A file with a list of course staff cannot be read."""


class InvalidRetirement(ExamBaseException):
    """A person cannot be retired under these names."""


class AccountDisabled(ExamBaseException):
    """The person's account here has been deactivated."""

    http_status: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__("Your account has been deactivated. Please write to the support of your platform.")


class ExamPermissionDenied(ExamBaseException):
    """The caller may not do this."""

    http_status = 403


class NotYourAttempt(ExamPermissionDenied):
    """The attempt is somebody else's. The text does not tell: it is that of an attempt that does not exist."""

    def __init__(self, attempt_id: int) -> None:
        super().__init__(_no_attempt_of_yours(attempt_id))


class ControlNotAllowed(ExamBaseException):
    """A proctoring tool may not do this with an attempt that is where it is."""

    field = "action"


class InvalidCourseId(ExamBaseException):
    """Nothing can be kept of a course that is called so."""


class UnknownAction(ExamBaseException):
    """An action that this caller does not have."""


class NoProvider(ExamBaseException):
    """The course has no proctoring provider."""

    field = "proctoring_escalation_email"


class UnknownProvider(ExamBaseException):
    """No proctoring provider has this name."""

    field = "provider"


class InvalidAllowance(ExamBaseException):
    """Extra time for someone or something that is not there."""


class InvalidCorrection(ExamBaseException):
    """Times corrected by hand that cannot be."""


class InvalidCourseRole(ExamBaseException):
    """A role in a course's team for someone, or in something, that we cannot store."""


class ContentAccessDenied(ExamBaseException):
    """The learner may not see the exam's content now."""

    http_status = 403


class EventNotRecorded(ExamBaseException):
    """The event that a change owes could not be stored, so the change did not happen either."""

    http_status = 503


class DatabaseBusy(ExamBaseException):
    """Other requests held the rows for longer than we wait, several times. Nothing has changed; later it will work."""

    http_status = 503
    #: Seconds after which a client should ask again.
    retry_after: ClassVar[int] = 2

    def __init__(self, message: str = "Too many requests are at work on this right now. Please try again.") -> None:
        super().__init__(message)
