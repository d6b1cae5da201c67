# SPDX-License-Identifier: AGPL-3.0-only
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import COURSE, OTHER_COURSE, ROUTED_COURSE, browser, look
from tests.e2e.sandbox import RunningSandbox, free_port
from tests.mfe.campus import Campus
from tests.mfe.learner import Learner
from tests.mfe.learning_mfe import BUILT, LearningInterface, Sequence, environment

__all__ = ["browser", "look"]

NAVIGATION_MILLISECONDS: Final = 20_000

expect.set_options(timeout=NAVIGATION_MILLISECONDS)

SEQUENCES: Final = {
    sequence.block: sequence
    for sequence in (
        Sequence(course_id=COURSE, block="welcome", title="Welcome", is_exam=False),
        Sequence(course_id=COURSE, block="practice", title="Practice exam"),
        Sequence(course_id=COURSE, block="timed", title="Midterm exam"),
        Sequence(course_id=COURSE, block="proctored", title="Final exam"),
        Sequence(course_id=COURSE, block="bonus", title="Further exam"),
        Sequence(course_id=OTHER_COURSE, block="quiz", title="Projections quiz"),
        Sequence(course_id=ROUTED_COURSE, block="field", title="Field quiz"),
        Sequence(course_id=ROUTED_COURSE, block="notes", title="Field notes", is_exam=False),
    )
}

type SignIn = Callable[..., Learner]


@pytest.fixture(scope="session")
def shared_campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    if not (BUILT / "app.js").exists():
        pytest.fail("The learning interface has not been built: make test-mfe does it.", pytrace=False)
    interface = LearningInterface(free_port())
    sandbox = RunningSandbox(var=tmp_path_factory.mktemp("sandbox"), learning_mfe_url=f"{interface.origin}/learning")
    courses: dict[str, list[object]] = {}
    for sequence in SEQUENCES.values():
        courses.setdefault(sequence.course_id, []).append(sequence.as_json())
    interface.globals = {"MFE_ENV": environment(sandbox, interface.origin), "MFE_COURSES": courses}
    sandbox.start().wait_until_ready()
    yield Campus(sandbox=sandbox, interface=interface, sequences=SEQUENCES)
    sandbox.stop()
    interface.stop()


@pytest.fixture
def campus(shared_campus: Campus) -> Iterator[Campus]:
    """Sandbox and learning interface, with nobody's attempts, whose servers have nothing to complain about."""
    sandbox = shared_campus.sandbox
    sandbox.forget_attempts(COURSE, OTHER_COURSE)
    before = len(sandbox.output)
    yield shared_campus
    said = "".join(sandbox.output[before:])
    print(said)
    assert "Traceback" not in said


@pytest.fixture
def sign_in(browser: Browser, campus: Campus) -> Iterator[SignIn]:
    """Somebody in a browser of their own, signed in at the LMS. What their pages complain about fails the test."""
    everybody: list[Learner] = []

    def as_person(name: str, *, is_staff: bool = False) -> Learner:
        context = browser.new_context(base_url=campus.interface.origin, viewport={"width": 1200, "height": 900})
        context.add_init_script(f"globalThis.courseAccess = {{ isStaff: {'true' if is_staff else 'false'} }};")
        learner = Learner(page=context.new_page(), campus=campus)
        learner.page.set_default_timeout(NAVIGATION_MILLISECONDS)
        everybody.append(learner)
        learner.page.goto(campus.sandbox.lms_url)
        learner.page.get_by_role("button", name=name).click()
        learner.page.get_by_role("heading", name="Courses").wait_for()
        return learner

    yield as_person
    complaints = "\n".join(complaint for learner in everybody for complaint in learner.complaints)
    for learner in everybody:
        learner.page.context.close()
    assert not complaints, complaints


@pytest.fixture
def proctor(browser: Browser, campus: Campus) -> Iterator[Page]:
    """The proctor's console of the sandbox's tool."""
    context = browser.new_context(base_url=campus.sandbox.tool_url)
    yield context.new_page()
    context.close()
