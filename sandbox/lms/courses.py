"""Courses of the sandbox LMS: outlines, and what stands in the sections. Which sections are exams it does not know."""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question with its answers to choose from. Nobody marks it: that is not what is being tried out here."""

    text: str
    choices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """
    A subsection of a course, what the platform calls a sequence.

    :param content_id: its usage key
    :param body: paragraphs to read
    """

    content_id: str
    title: str
    summary: str
    body: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Course:
    """
    A course run.

    :param is_routed: the older exam system keeps its exams; the exam service passes on what it is asked about them
    """

    id: str
    number: str
    title: str
    summary: str
    sections: tuple[Section, ...] = field(default=())
    is_routed: bool = False

    def section(self, content_id: str) -> Section | None:
        """The section with this usage key, if the course has it."""
        return next((section for section in self.sections if section.content_id == content_id), None)


DEMO_COURSE: Final = Course(
    id="course-v1:Demo+EX101+2026",
    number="EX101",
    title="Ways of Knowing",
    summary="Eight weeks on evidence, chance and careful argument.",
    sections=(
        Section(
            content_id="block-v1:Demo+EX101+2026+type@sequential+block@welcome",
            title="Welcome",
            summary="How the course works, and what its exams ask of you.",
            body=(
                "Each week has a reading, a short discussion and a set of exercises. None of them is timed.",
                "A timed exam has a clock that begins when you press start and runs on whether you look at it or not.",
                "When it reaches zero, the exam is handed in for you, with the answers that you have given until then.",
                "The practice exam is there to try the clock out. It counts for nothing and can be taken again.",
            ),
        ),
        Section(
            content_id="block-v1:Demo+EX101+2026+type@sequential+block@practice",
            title="Practice exam",
            summary="Try the clock out. Counts for nothing, can be repeated.",
            body=("A little practice, to see how an exam feels.",),
            questions=(
                Question(
                    text="Which of these is an observation?", choices=("It rained", "Rain is sad", "Bring a coat")
                ),
                Question(
                    text="A fair coin shows heads five times. The next toss is …",
                    choices=("more likely tails", "as likely heads as tails", "more likely heads"),
                ),
            ),
        ),
        Section(
            content_id="block-v1:Demo+EX101+2026+type@sequential+block@timed",
            title="Midterm exam",
            summary="Chapters one to four.",
            body=("Choose the best answer to each question. You can change your answers until you submit.",),
            questions=(
                Question(
                    text="Two events are independent when …",
                    choices=(
                        "they cannot both happen",
                        "one happening tells nothing about the other",
                        "they have the same probability",
                    ),
                ),
                Question(
                    text="A sample is most useful when it is …",
                    choices=("large and self-selected", "drawn at random", "made of willing friends"),
                ),
                Question(
                    text="What turns a claim into an argument?",
                    choices=("Reasons that support it", "Saying it twice", "A confident tone"),
                ),
            ),
        ),
        Section(
            content_id="block-v1:Demo+EX101+2026+type@sequential+block@proctored",
            title="Final exam",
            summary="The whole course, under supervision.",
            body=("Answer in your own words, in a quiet room.",),
            questions=(
                Question(
                    text="Which finding would change your mind the most?",
                    choices=("One that was predicted", "One that was ruled out", "One that is popular"),
                ),
            ),
        ),
        Section(
            content_id="block-v1:Demo+EX101+2026+type@sequential+block@bonus",
            title="Further reading",
            summary="For those who want more.",
            body=("Five books and a film, chosen by last year's course.",),
        ),
    ),
)

OTHER_COURSE: Final = Course(
    id="course-v1:Demo+EX202+2026",
    number="EX202",
    title="Drawing Maps",
    summary="Six weeks on projections, scale and what maps leave out.",
    sections=(
        Section(
            content_id="block-v1:Demo+EX202+2026+type@sequential+block@quiz",
            title="Projections quiz",
            summary="Ten minutes on the shape of the world.",
            body=("One question, for the atlas.",),
            questions=(
                Question(
                    text="Every flat map of the whole earth distorts …",
                    choices=("nothing, if it is large enough", "area, shape or distance", "only the poles"),
                ),
            ),
        ),
    ),
)

ROUTED_COURSE: Final = Course(
    id="course-v1:Demo+EX303+2026",
    number="EX303",
    title="Counting Birds",
    summary="Four weeks on samples in the wild. Its exams still live in the platform's older exam system.",
    is_routed=True,
    sections=(
        Section(
            content_id="block-v1:Demo+EX303+2026+type@sequential+block@field",
            title="Field quiz",
            summary="A quarter of an hour on what was heard and seen.",
            body=("One question from the hide.",),
            questions=(
                Question(
                    text="You hear a bird twice from the same bush. You count …",
                    choices=("two birds", "at least one bird", "no bird, for you saw none"),
                ),
            ),
        ),
        Section(
            content_id="block-v1:Demo+EX303+2026+type@sequential+block@notes",
            title="Field notes",
            summary="What to write down, and when.",
            body=("Write down the place, the time and the weather before the first bird.",),
        ),
    ),
)

COURSES: Final = (DEMO_COURSE, OTHER_COURSE, ROUTED_COURSE)
BY_ID: Final = {course.id: course for course in COURSES}
