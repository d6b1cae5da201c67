# SPDX-License-Identifier: AGPL-3.0-only
from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.conftest import COURSE, OTHER_COURSE, Look, SignIn
from tests.e2e.sandbox import RunningSandbox
from tests.tokens import Person

pytestmark = pytest.mark.e2e

OUTLINE: Final = f"/learning/course/{COURSE}"
ATTEMPTS: Final = f"/dashboard/course/{COURSE}/attempts"
ALLOWANCES: Final = f"/dashboard/course/{COURSE}/allowances"
STUDIO: Final = f"/studio/course/{COURSE}/exams"

# What may pass between reading two clocks, in seconds: page loads on a busy machine.
TOLERANCE_SECONDS: Final = 15
TIMED_EXAM_SECONDS: Final = 20 * 60
# A few words at the edge of the page have gone by then.
NOTICE_MILLISECONDS: Final = 10_000
OK: Final = 200
FORBIDDEN: Final = 403
UNAUTHORIZED: Final = 401


def usage_key(block: str) -> str:
    return f"block-v1:Demo+EX101+2026+type@sequential+block@{block}"


def go_to_exam(page: Page, title: str) -> None:
    page.goto(OUTLINE)
    page.get_by_role("link", name=title).click()


def save_exams(page: Page) -> None:
    """Push the course's exams, and wait for the answer: the form shows at once what was chosen."""
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_role("button", name="Save exams").click()


def start(page: Page) -> None:
    page.get_by_role("button", name="Start the exam").click()
    expect(page.get_by_role("timer")).to_be_visible()


def hand_in(page: Page) -> None:
    page.get_by_role("button", name="I'm done").click()
    page.get_by_role("button", name="Submit the exam").click()
    expect(page.get_by_role("heading", name="Submitted")).to_be_visible()


def seconds_left(page: Page) -> int:
    clock = page.get_by_role("timer")
    expect(clock).to_have_text(re.compile(r"^[\d:]+$"))
    seconds = 0
    for part in clock.inner_text().split(":"):
        seconds = seconds * 60 + int(part)
    return seconds


def attempt_row(username: str, exam: str) -> str:
    """Find the row of a learner's attempt in the staff's table."""
    return f"tr:has(th:text-is('{username}')):has(td:text-is('{exam}'))"


def test_a_learner_takes_the_timed_exam_and_staff_verify_it(sign_in: SignIn, look: Look) -> None:
    learner = sign_in("Amina Diallo")
    look(learner, "learner-courses")
    learner.goto(OUTLINE)
    expect(learner.get_by_text("Timed · 20 minutes")).to_be_visible()
    look(learner, "learner-outline")

    go_to_exam(learner, "Midterm exam")
    expect(learner.get_by_text("Question 1")).to_have_count(0)
    expect(learner.get_by_role("button", name="Start the exam")).to_be_visible()
    look(learner, "exam-introduction")
    start(learner)
    expect(learner.get_by_text("Question 1")).to_be_visible()
    learner.get_by_label("drawn at random").check()
    at_first = seconds_left(learner)
    assert TIMED_EXAM_SECONDS - TOLERANCE_SECONDS <= at_first <= TIMED_EXAM_SECONDS
    look(learner, "exam-running")

    began = time.monotonic()
    learner.reload()
    expect(learner.get_by_label("drawn at random")).to_be_checked()
    passed = time.monotonic() - began
    assert seconds_left(learner) == pytest.approx(at_first - passed, abs=3)

    learner.goto(OUTLINE)
    expect(learner.get_by_text("is running:")).to_be_visible()
    look(learner, "outline-with-running-exam")
    learner.get_by_role("link", name="Return to the exam").click()

    learner.get_by_role("button", name="I'm done").click()
    expect(learner.get_by_role("heading", name="Hand in your exam?")).to_be_visible()
    expect(learner.get_by_text("You answered 1 question.")).to_be_visible()
    look(learner, "exam-hand-in")
    learner.get_by_role("button", name="Back to the exam").click()
    expect(learner.get_by_text("Question 1")).to_be_visible()
    hand_in(learner)
    expect(learner.get_by_role("timer")).to_have_count(0)
    look(learner, "exam-submitted")

    staff = sign_in("Frida Lindqvist")
    staff.goto(ATTEMPTS)
    row = staff.locator(attempt_row("amina", "Midterm exam"))
    expect(row).to_contain_text("Submitted")
    look(staff, "staff-attempts")
    row.get_by_role("button", name="Verify").click()
    expect(row).to_contain_text("Verified")

    # Learners hear of no verdict on a timed exam: theirs is handed in.
    learner.reload()
    expect(learner.get_by_role("heading", name="Submitted")).to_be_visible()
    look(learner, "exam-verified")


def test_the_attempts_can_be_searched_filtered_and_ordered(sign_in: SignIn, look: Look) -> None:
    for name in ("Bruno Keller", "Chiyo Tanaka"):
        learner = sign_in(name)
        go_to_exam(learner, "Practice exam")
        start(learner)
        hand_in(learner)

    staff = sign_in("Priya Nair")
    staff.goto(ATTEMPTS)
    rows = staff.locator("tbody tr")
    staff.get_by_role("combobox", name="Exam").select_option("Practice exam")
    expect(rows).to_have_count(2)
    staff.get_by_role("button", name="Learner").click()
    expect(rows.first).to_contain_text("bruno")
    staff.get_by_role("button", name="Learner").click()
    expect(rows.first).to_contain_text("chiyo")
    staff.get_by_label("Search").fill("bru")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("bruno")
    staff.get_by_label("Search").fill("nobody of this name")
    expect(staff.get_by_role("heading", name="No attempt matches")).to_be_visible()
    look(staff, "staff-attempts-no-match")
    staff.get_by_label("Search").fill("")
    staff.get_by_role("combobox", name="Status").select_option("Rejected")
    expect(staff.get_by_role("heading", name="No attempt matches")).to_be_visible()
    staff.get_by_role("combobox", name="Status").select_option("Submitted")
    expect(rows).to_have_count(2)

    staff.locator(attempt_row("bruno", "Practice exam")).get_by_role("button", name="Reject").click()
    expect(rows).to_have_count(1)
    expect(staff.get_by_text("The attempt of bruno is rejected.")).to_be_visible()


def test_a_practice_exam_can_be_taken_again(sign_in: SignIn, look: Look) -> None:
    learner = sign_in("Amina Diallo")
    go_to_exam(learner, "Practice exam")
    start(learner)
    hand_in(learner)
    look(learner, "practice-submitted")
    learner.get_by_role("button", name="Try again").click()
    start(learner)
    expect(learner.get_by_text("Question 1")).to_be_visible()
    hand_in(learner)


def give(staff: Page, learners: str, kind: str, label: str, value: str, *, exam: str = "Midterm exam") -> None:
    """Give an allowance on the team's page, as far as its form goes."""
    staff.get_by_role("textbox", name="Learners").fill(learners)
    staff.get_by_role("combobox", name="Kind").select_option(kind)
    staff.get_by_label(label).fill(value)
    staff.get_by_role("checkbox", name=exam).check()
    staff.get_by_role("button", name="Give").click()


def test_allowances_reach_the_running_attempt(sign_in: SignIn, look: Look) -> None:
    learner, staff = sign_in("Bruno Keller"), sign_in("Frida Lindqvist")
    go_to_exam(learner, "Midterm exam")
    start(learner)
    before = seconds_left(learner)

    staff.goto(ALLOWANCES)
    expect(staff.get_by_role("heading", name="Nobody has an allowance")).to_be_visible()
    look(staff, "staff-allowances-empty")
    give(staff, "nobody, bruno", "Extra minutes", "Whole minutes", "8")
    expect(staff.get_by_role("alert")).to_contain_text("nobody, Midterm exam")
    expect(staff.locator("tbody tr")).to_contain_text("8 minutes")
    look(staff, "staff-allowances-refused")
    give(staff, "bruno@example.com", "Review exception", "Words for the proctor", "May use a calculator.")
    expect(staff.locator("tbody tr")).to_have_count(2)

    # The exam page was left alone meanwhile: it notices by itself, and says so to those who cannot see it.
    expect(learner.locator("#announcer")).to_contain_text("You have been given more time")
    assert before + 8 * 60 - 2 * TOLERANCE_SECONDS < seconds_left(learner) <= before + 8 * 60

    give(staff, "bruno", "Multiple of the time limit", "From 1 to 10", "1.5")
    expect(staff.get_by_text("(extra minutes) made way. The running exam of bruno lasts 30 minutes")).to_be_visible()
    expect(staff.locator("tbody tr")).to_have_count(2)
    expect(staff.locator("tbody")).to_contain_text("the time limit1.5 ")
    look(staff, "staff-allowances")
    staff.get_by_role("button", name="Delete the multiple of the time limit of bruno").click()
    expect(staff.locator("tbody tr")).to_have_count(1)
    expect(staff.locator("tbody tr")).to_contain_text("May use a calculator.")
    staff.get_by_role("button", name="Delete the review exception of bruno").click()
    expect(staff.get_by_role("heading", name="Nobody has an allowance")).to_be_visible()
    learner.reload()
    assert seconds_left(learner) > TIMED_EXAM_SECONDS
    hand_in(learner)


def test_a_reset_lets_the_learner_begin_again(sign_in: SignIn, look: Look) -> None:
    learner, staff = sign_in("Chiyo Tanaka"), sign_in("Frida Lindqvist")
    go_to_exam(learner, "Midterm exam")
    start(learner)
    hand_in(learner)

    staff.goto(ATTEMPTS)
    row = staff.locator(attempt_row("chiyo", "Midterm exam"))
    row.get_by_role("button", name="Reset").click()
    look(staff, "staff-reset-dialog")
    staff.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(1)
    row.get_by_role("button", name="Reset").click()
    staff.get_by_role("dialog").get_by_role("button", name="Reset the attempt").click()
    expect(row).to_have_count(0)

    learner.reload()
    start(learner)
    hand_in(learner)


def test_content_opens_with_the_exam_services_token_only(sign_in: SignIn, sandbox: RunningSandbox) -> None:
    learner, neighbour = sign_in("Chiyo Tanaka"), sign_in("Amina Diallo")

    def status_of_content(page: Page, token: str, block: str = "practice") -> int:
        address = f"{sandbox.lms_url}/content/{quote(COURSE)}/{quote(usage_key(block))}"
        return page.request.get(address, params={"exam_access": token}).status

    assert status_of_content(learner, "") == FORBIDDEN
    go_to_exam(learner, "Practice exam")
    with learner.expect_request(lambda request: "exam_access=" in request.url) as opening:
        start(learner)
    (token,) = parse_qs(urlsplit(opening.value.url).query)["exam_access"]
    assert status_of_content(learner, token) == OK
    assert status_of_content(neighbour, token) == FORBIDDEN
    assert status_of_content(learner, token, "timed") == FORBIDDEN
    head, payload, signature = token.split(".")
    assert status_of_content(learner, ".".join((head, payload, signature[::-1]))) == FORBIDDEN
    own_signature = Person("chiyo", lms_user_id=103).token("RS512", course_id=COURSE, content_id=usage_key("practice"))
    assert status_of_content(learner, own_signature) == FORBIDDEN

    hand_in(learner)
    expect(learner.get_by_text("Question 1")).to_have_count(0)
    refused = learner.request.get(f"{sandbox.exams_url}/api/v1/access_tokens/exam_id/{exam_id(learner, sandbox)}")
    assert refused.status == FORBIDDEN
    assert refused.json()["detail"]


def exam_id(page: Page, sandbox: RunningSandbox) -> int:
    path = f"student/exam/attempt/course_id/{quote(COURSE)}/content_id/{quote(usage_key('practice'))}"
    answer = page.request.get(f"{sandbox.exams_url}/api/v1/{path}")
    return int(answer.json()["exam"]["id"])


def test_a_proctored_exam_whose_provider_has_no_tool_says_so(sign_in: SignIn, look: Look) -> None:
    operator, learner = sign_in("Priya Nair"), sign_in("Amina Diallo")
    operator.goto(STUDIO)
    choose_provider(operator, "Paper Proctor")
    go_to_exam(learner, "Final exam")
    expect(learner.get_by_text("Proctoring tool not attached yet")).to_be_visible()
    expect(learner.get_by_text("Paper Proctor")).to_be_visible()
    expect(learner.get_by_role("button", name="Set up proctoring")).to_have_count(0)
    expect(learner.get_by_role("button", name="Start the exam")).to_have_count(0)
    look(learner, "exam-proctored-without-tool")
    choose_provider(operator, "Sandbox Proctor")


def choose_provider(staff: Page, name: str) -> None:
    staff.get_by_label("Provider").select_option(name)
    staff.get_by_role("button", name="Save proctoring").click()
    expect(staff.get_by_text("The course's proctoring is saved.").last).to_be_visible()


def test_staff_push_exams_and_their_names_are_only_text(sign_in: SignIn, look: Look) -> None:
    staff, learner = sign_in("Frida Lindqvist"), sign_in("Amina Diallo")
    staff.goto(STUDIO)
    look(staff, "staff-exams")
    further = staff.get_by_role("listitem").filter(has=staff.get_by_role("heading", name="Further reading"))
    further.get_by_role("combobox").select_option("Timed")
    name = "<img src=x onerror=alert(1)> & <b>bold</b>"
    further.get_by_label("Name").fill(name)
    further.get_by_label("Minutes").fill("45")
    further.get_by_label("Due", exact=True).fill("2000-01-01T12:00")
    look(staff, "staff-exams-editing")
    save_exams(staff)
    expect(staff.get_by_text("The course's exams are saved.")).to_be_visible()

    go_to_exam(learner, "Further reading")
    expect(learner.get_by_role("heading", name="The due date has passed")).to_be_visible()
    expect(learner.get_by_text(name)).to_be_visible()
    look(learner, "exam-past-due")
    learner.get_by_role("button", name="Look at the exam").click()
    expect(learner.get_by_text("Five books and a film")).to_be_visible()

    further.get_by_label("Hide after due date").check()
    save_exams(staff)
    expect(further.get_by_label("Hide after due date")).to_be_checked()
    learner.reload()
    expect(learner.get_by_role("heading", name="The due date has passed")).to_be_visible()
    expect(learner.get_by_role("button", name="Look at the exam")).to_have_count(0)

    further.get_by_role("combobox").select_option("Not an exam")
    save_exams(staff)
    expect(further.get_by_label("Name")).to_be_hidden()
    learner.reload()
    expect(learner.get_by_text("Five books and a film")).to_be_visible()


def test_time_that_is_over_hands_the_exam_in(sign_in: SignIn, sandbox: RunningSandbox) -> None:
    operator, learner = sign_in("Priya Nair"), sign_in("Chiyo Tanaka")
    # Studio takes no such limit: the exam is over as it begins.
    sandbox.change_exam(OTHER_COURSE, "Projections quiz", time_limit_mins=0)

    learner.goto(f"/learning/course/{OTHER_COURSE}")
    learner.get_by_role("link", name="Projections quiz").click()
    learner.get_by_role("button", name="Start the exam").click()
    expect(learner.get_by_role("heading", name="Submitted")).to_be_visible()

    # Nobody looks at this one again: the sweep finds it.
    (exam,) = operator.request.get(f"{sandbox.exams_url}/api/v1/exams/course_id/{quote(OTHER_COURSE)}").json()
    answer = requests.post(
        f"{sandbox.exams_url}/api/v1/exams/attempt",
        json={"exam_id": exam["id"], "start_clock": True},
        headers=Person("bruno", lms_user_id=102).authorization(),
        timeout=10,
    )
    assert answer.ok, answer.text
    operator.goto(f"/dashboard/course/{OTHER_COURSE}/attempts")
    row = operator.locator(attempt_row("bruno", "Projections quiz"))
    deadline = time.monotonic() + TOLERANCE_SECONDS
    while "Submitted" not in row.inner_text() and time.monotonic() < deadline:
        operator.wait_for_timeout(500)
        operator.get_by_role("button", name="Refresh").click()
    expect(row).to_contain_text("Submitted")

    sandbox.change_exam(OTHER_COURSE, "Projections quiz", time_limit_mins=10)


def test_staff_choose_who_supervises_a_course(sign_in: SignIn) -> None:
    operator = sign_in("Priya Nair")
    operator.goto(f"/studio/course/{OTHER_COURSE}/exams")
    provider, address = operator.get_by_label("Provider"), operator.get_by_label("Escalation e-mail")
    expect(address).to_have_value("proctoring-ex202@example.com")
    address.fill("maps-team@example.com")
    choose_provider(operator, "Sandbox Proctor")
    operator.reload()
    expect(provider).to_have_value("sandbox_proctor")
    expect(address).to_have_value("maps-team@example.com")
    provider.select_option("No provider")
    expect(address).to_be_disabled()
    address.evaluate("input => { input.disabled = false; }")
    address.fill("proctoring-ex202@example.com")
    choose_provider(operator, "Paper Proctor")


def test_staff_of_another_course_are_told_why_not(sign_in: SignIn, look: Look) -> None:
    stranger = sign_in("Omar Haddad")
    for place in (ATTEMPTS, ALLOWANCES, STUDIO):
        stranger.goto(place)
        refusal = stranger.get_by_role("alert")
        expect(refusal).to_be_visible()
        assert len(refusal.locator("p").inner_text()) > len("Forbidden.")
    look(stranger, "staff-refused")


def test_an_identity_that_ran_out_is_renewed_without_a_word(sign_in: SignIn) -> None:
    learner = sign_in("Amina Diallo")
    learner.context.clear_cookies(name=re.compile("^edx-jwt-cookie"))
    learner.goto(OUTLINE)
    expect(learner.get_by_text("Practice · ")).to_be_visible()
    names = {cookie["name"] for cookie in learner.context.cookies()}
    assert {"edx-jwt-cookie-header-payload", "edx-jwt-cookie-signature"} <= names


def test_who_signs_out_is_out_everywhere(sign_in: SignIn, sandbox: RunningSandbox, look: Look) -> None:
    page = sign_in("Amina Diallo")
    api = f"{sandbox.exams_url}/api/v1/exams/attempt/latest"
    assert page.request.get(api).ok
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Who would you like to be?")).to_be_visible()
    look(page, "sign-in")
    assert page.request.get(api).status == UNAUTHORIZED
    page.goto(OUTLINE)
    expect(page.get_by_role("heading", name="Who would you like to be?")).to_be_visible()
    page.get_by_role("button", name="Amina Diallo").click()
    expect(page.get_by_role("heading", name="Ways of Knowing")).to_be_visible()


def test_the_list_is_saved_although_the_identity_ran_out(sign_in: SignIn) -> None:
    learner, staff = sign_in("Bruno Keller"), sign_in("Frida Lindqvist")
    go_to_exam(learner, "Practice exam")
    start(learner)
    hand_in(learner)
    staff.goto(ATTEMPTS)
    expect(staff.locator("tbody tr")).to_have_count(1)
    staff.context.clear_cookies(name=re.compile("^edx-jwt-cookie"))
    with staff.expect_download() as saving:
        staff.get_by_role("button", name="Download CSV").click()
    assert saving.value.suggested_filename == "attempts.csv"
    assert "bruno" in saving.value.path().read_text(encoding="utf-8-sig")


def test_studio_takes_no_exam_without_time_and_remembers_its_minutes(sign_in: SignIn) -> None:
    staff = sign_in("Frida Lindqvist")
    staff.goto(STUDIO)
    midterm = staff.get_by_role("listitem").filter(has=staff.get_by_role("heading", name="Midterm exam"))
    kind, minutes = midterm.get_by_role("combobox"), midterm.get_by_label("Minutes")
    minutes.fill("0")
    assert not minutes.evaluate("input => input.checkValidity()")
    minutes.fill("20")
    for choice in ("Not an exam", "Timed"):
        kind.select_option(choice)
        save_exams(staff)
        expect(staff.get_by_text("The course's exams are saved.")).to_be_visible()
        expect(staff.get_by_text("The course's exams are saved.")).to_have_count(0, timeout=NOTICE_MILLISECONDS)
    expect(minutes).to_have_value("20")


def test_staff_are_told_what_extra_time_is_worth(sign_in: SignIn, sandbox: RunningSandbox) -> None:
    due = (datetime.now(UTC) + timedelta(minutes=3, seconds=30)).isoformat()
    sandbox.change_exam(COURSE, "Midterm exam", due_date=due)
    learner, staff = sign_in("Chiyo Tanaka"), sign_in("Frida Lindqvist")
    go_to_exam(learner, "Midterm exam")
    expect(learner.get_by_text("3 minutes until the due date, of 20 minutes")).to_be_visible()
    start(learner)
    staff.goto(ALLOWANCES)
    give(staff, "chiyo", "Extra minutes", "Whole minutes", "30")
    expect(staff.get_by_text("The running exam of chiyo lasts 3 minutes in all now. It is due")).to_be_visible()
    hand_in(learner)
    sandbox.change_exam(COURSE, "Midterm exam", due_date=None)


def test_the_operator_signs_on_to_the_admin_by_way_of_the_platform(
    sign_in: SignIn, sandbox: RunningSandbox, look: Look
) -> None:
    operator, learner = sign_in("Priya Nair"), sign_in("Amina Diallo")
    look(operator, "operator-courses")
    operator.get_by_role("link", name="Administration of the exam service").click()
    expect(operator.get_by_role("heading", name="Site administration")).to_be_visible()
    look(operator, "admin-of-the-operator")
    expect(learner.get_by_role("link", name="Administration of the exam service")).to_have_count(0)
    learner.goto(f"{sandbox.exams_url}/login/?next=/admin/")
    expect(learner.get_by_role("heading", name="Site administration")).to_have_count(0)


def test_every_site_has_its_icon(sign_in: SignIn, sandbox: RunningSandbox) -> None:
    page = sign_in("Amina Diallo")
    for site in (sandbox.lms_url, sandbox.tool_url, sandbox.exams_url):
        icon = page.request.get(f"{site}/favicon.ico")
        assert icon.headers["content-type"] == "image/svg+xml", site


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_telephone(scheme: str, sign_in: SignIn, look: Look) -> None:
    for name, places in {
        "Amina Diallo": {"outline": OUTLINE, "exam": f"{OUTLINE}/{quote(usage_key('timed'))}"},
        "Frida Lindqvist": {"attempts": ATTEMPTS, "exams": STUDIO, "allowances": ALLOWANCES},
    }.items():
        page = sign_in(name)
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": 390, "height": 780})
        for title, place in places.items():
            page.goto(place, wait_until="networkidle")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow == 0, f"{place} is {overflow} pixels too wide"
            look(page, f"telephone-{scheme}-{title}")
