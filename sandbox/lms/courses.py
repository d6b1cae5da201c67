# SPDX-License-Identifier: AGPL-3.0-only
"""Courses of the sandbox LMS, as `courses.toml` has them: outlines, and what stands in the sections."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


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
    is_routed: bool = False
    title: str
    summary: str
    sections: tuple[Section, ...] = ()

    def section(self, content_id: str) -> Section | None:
        """The section with this usage key, if the course has it."""
        return next((section for section in self.sections if section.content_id == content_id), None)


def _course(data: dict[str, Any]) -> Course:
    sections = tuple(_section(section) for section in data.pop("section"))
    return Course(**data, sections=sections)


def _section(data: dict[str, Any]) -> Section:
    questions = (
        Question(text=question["text"], choices=tuple(question["choices"])) for question in data.pop("question", ())
    )
    return Section(**{**data, "body": tuple(data["body"])}, questions=tuple(questions))


_DATA: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
COURSES: Final = tuple(_course(data) for data in _DATA["course"])
DEMO_COURSE, OTHER_COURSE, ROUTED_COURSE = COURSES
BY_ID: Final = {course.id: course for course in COURSES}
