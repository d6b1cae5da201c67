# SPDX-License-Identifier: AGPL-3.0-only
"""The people who can sign in to the sandbox."""

from dataclasses import dataclass
from typing import Final

from sandbox.lms.courses import DEMO_COURSE, OTHER_COURSE, ROUTED_COURSE, Course


@dataclass(frozen=True, kw_only=True)
class Person:
    """
    A user of the LMS.

    :param user_id: the LMS's own id, the token's ``user_id``
    :param role: what to expect of them, for the sign-in page
    :param teaches: ids of the courses whose staff pages are offered to them; the exam service decides what they may do
    :param administrator: global staff
    """

    username: str
    name: str
    user_id: int
    role: str
    teaches: tuple[str, ...] = ()
    administrator: bool = False

    @property
    def email(self) -> str:
        """Address in a domain that reaches nobody."""
        return f"{self.username}@example.com"

    @property
    def initials(self) -> str:
        """Two letters for the picture that nobody took."""
        return "".join(word[0] for word in self.name.split())[:2]

    @property
    def is_learner(self) -> bool:
        """Check whether this person takes exams here rather than running them."""
        return not self.teaches and not self.administrator


def _course_staff(username: str, name: str, user_id: int, course: Course) -> Person:
    return Person(
        username=username, name=name, user_id=user_id, role=f"Course staff of {course.number}", teaches=(course.id,)
    )


PEOPLE: Final = (
    Person(username="amina", name="Amina Diallo", user_id=101, role="Learner"),
    Person(username="bruno", name="Bruno Keller", user_id=102, role="Learner"),
    Person(username="chiyo", name="Chiyo Tanaka", user_id=103, role="Learner"),
    _course_staff("frida", "Frida Lindqvist", 201, DEMO_COURSE),
    _course_staff("omar", "Omar Haddad", 202, OTHER_COURSE),
    Person(
        username="priya",
        name="Priya Nair",
        user_id=301,
        role="Operator, global staff",
        teaches=(DEMO_COURSE.id, OTHER_COURSE.id, ROUTED_COURSE.id),
        administrator=True,
    ),
)
# Who the exam service is when it calls the LMS. Nobody signs in as it.
WORKER: Final = Person(
    username="exam_service_worker", name="Exam Service", user_id=1, role="Service account", administrator=True
)
BY_USERNAME: Final = {person.username: person for person in PEOPLE}
