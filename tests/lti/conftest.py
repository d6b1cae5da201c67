# SPDX-License-Identifier: AGPL-3.0-only
"""A vendor, an exam that it proctors, and a learner in front of a browser."""

import re

import pytest

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from tests.factories import make_attempt
from tests.lti.vendor import Browser, Vendor, proctored_exam, register


def pytest_make_parametrize_id(val: object) -> str | None:
    """Claims name their test, but for times of this very second: each process of a parallel run must find the same."""
    return re.sub(r"\b1[78]\d{8}\b", "a moment", repr(val)) if isinstance(val, dict) else None


@pytest.fixture
def vendor(db: None) -> Vendor:
    """A vendor whose tool is registered."""
    return register()


@pytest.fixture
def other_vendor(db: None) -> Vendor:
    """Another one."""
    return register("competitor")


@pytest.fixture
def exam(vendor: Vendor) -> Exam:
    """An exam of an hour that the vendor proctors."""
    return proctored_exam(vendor)


@pytest.fixture
def attempt(exam: Exam, learner: User) -> ExamAttempt:
    """The learner's attempt, not begun."""
    return make_attempt(exam, learner)


@pytest.fixture
def running(exam: Exam, learner: User) -> ExamAttempt:
    """The learner's attempt, its clock running."""
    return make_attempt(exam, learner, start_clock=True)


@pytest.fixture
def browser(learner: User) -> Browser:
    """The learner's browser."""
    return Browser(learner)
