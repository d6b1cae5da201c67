# SPDX-License-Identifier: AGPL-3.0-only
"""A course of the older exam system, which the service passes on: without its router there is none."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import ROUTED_COURSE, Look, SignIn
from tests.e2e.sandbox import RunningSandbox
from tests.e2e.test_sandbox import hand_in, save_exams, start

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_spec("edx_exams.apps.router") is None, reason="the service has no router"),
]

ROUTED_OUTLINE: Final = f"/learning/course/{ROUTED_COURSE}"


def test_a_routed_courses_exam_is_taken_by_way_of_the_service(
    sign_in: SignIn, sandbox: RunningSandbox, look: Look
) -> None:
    learner = sign_in("Chiyo Tanaka")
    learner.goto("/")
    expect(learner.get_by_role("article").filter(has_text="Counting Birds")).to_contain_text("Older exam system")
    look(learner, "courses-with-a-routed-one")
    learner.goto(ROUTED_OUTLINE)
    expect(learner.get_by_text("Timed · 15 minutes")).to_be_visible()
    look(learner, "routed-outline")

    learner.get_by_role("link", name="Field quiz").click()
    look(learner, "routed-introduction")
    start(learner)
    expect(learner.get_by_text("Question 1")).to_be_visible()
    look(learner, "routed-running")
    # The service finds the attempt that runs elsewhere, for every page that asks.
    running = learner.request.get(f"{sandbox.exams_url}/api/v1/exams/attempt/latest").json()
    assert running["exam_display_name"] == "Field quiz"
    learner.goto(ROUTED_OUTLINE)
    expect(learner.get_by_text("is running:")).to_be_visible()
    learner.get_by_role("link", name="Return to the exam").click()
    hand_in(learner)
    assert learner.request.get(f"{sandbox.exams_url}/api/v1/exams/attempt/latest").json() == {}


def test_a_routed_courses_exams_are_pushed_on(sign_in: SignIn, look: Look) -> None:
    operator, learner = sign_in("Priya Nair"), sign_in("Amina Diallo")
    operator.goto(f"/studio/course/{ROUTED_COURSE}/exams")
    notes = operator.get_by_role("listitem").filter(has=operator.get_by_role("heading", name="Field notes"))
    notes.get_by_role("combobox").select_option("Timed")
    notes.get_by_label("Minutes").fill("7")
    look(operator, "routed-exams")
    save_exams(operator)
    expect(operator.get_by_text("The course's exams are saved.")).to_be_visible()
    learner.goto(ROUTED_OUTLINE)
    expect(learner.get_by_text("Timed · 7 minutes")).to_be_visible()

    notes.get_by_role("combobox").select_option("Not an exam")
    save_exams(operator)
    expect(notes.get_by_label("Name")).to_be_hidden()
