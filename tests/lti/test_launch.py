# SPDX-License-Identifier: AGPL-3.0-only
"""A learner's way through a proctoring tool, with pylti1p3 as the tool's reader of what we sign."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from edx_exams.apps.core.api import act_as_learner
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.transition_rules import LearnerAction
from edx_exams.apps.lti import platform_keys
from edx_exams.apps.lti.models import LtiLaunch, LtiTool, ProctoredAttempt, UsedToken
from tests.factories import AllowanceFactory, ExamFactory, UserFactory, make_attempt
from tests.lti.facts import status
from tests.lti.vendor import (
    AP,
    AUTHORIZE,
    LTI,
    PLATFORM,
    Browser,
    Vendor,
    authentication_request,
    form_of,
    proctored_exam,
    query_of,
    register,
)

pytestmark = pytest.mark.django_db


def test_a_launch_begins_at_the_tools_login_url(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    response = browser.follow(f"/lti/start_proctoring/{attempt.pk}")
    assert response.status_code == 302
    assert response["Location"].startswith("https://vendor.example.com/login?tenant=7&")
    told = query_of(response)
    assert told.pop("lti_message_hint")
    assert told == {
        "tenant": "7",
        "iss": PLATFORM,
        "client_id": vendor.tool.client_id,
        "lti_deployment_id": "1",
        "target_link_uri": vendor.tool.launch_url,
        "login_hint": str(attempt.user.anonymous_user_id),
    }
    assert status(attempt) == "download_software_clicked"


def test_a_launch_can_begin_by_post_too(browser: Browser, attempt: ExamAttempt) -> None:
    from tests.conftest import person  # noqa: PLC0415

    response = browser.post(f"/lti/start_proctoring/{attempt.pk}", headers=person(browser.user).authorization())
    assert response.status_code == 302


def test_the_proctor_is_told_of_a_review_exception(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    AllowanceFactory.create(
        user=attempt.user, exam=attempt.exam, extra_time_mins=0, review_policy_exception="May use a dictionary."
    )
    custom = browser.launch(attempt, vendor)[f"{LTI}custom"]
    assert custom["review_policy_exception"] == "May use a dictionary."


def test_the_message_holds_every_claim_and_no_name(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, exam: Exam, settings: Settings
) -> None:
    settings.PLATFORM_NAME = "Acme Learning"
    launch = browser.launch(attempt, vendor)
    learner = attempt.user
    exam_url = f"http://localhost:2000/course/{exam.course_id}/{exam.content_id}"
    assert launch.pop("exp") == launch.pop("iat") + 5 + 3600
    session_data = launch.pop(f"{AP}session_data")
    assert len(session_data) >= 43
    assert launch == {
        "iss": PLATFORM,
        "aud": vendor.tool.client_id,
        "azp": vendor.tool.client_id,
        "sub": str(learner.anonymous_user_id),
        "nonce": "n-1",
        f"{LTI}message_type": "LtiStartProctoring",
        f"{LTI}version": "1.3.0",
        f"{LTI}deployment_id": "1",
        f"{LTI}target_link_uri": vendor.tool.launch_url,
        f"{LTI}roles": [],
        f"{LTI}resource_link": {"id": exam.resource_id, "title": exam.exam_name},
        f"{LTI}context": {"id": exam.course_id, "label": exam.content_id},
        f"{LTI}tool_platform": {"guid": str(uuid.uuid5(uuid.NAMESPACE_DNS, "Acme Learning")), "name": "Acme Learning"},
        f"{LTI}launch_presentation": {"return_url": exam_url},
        f"{LTI}custom": {"custom_url": "testserver/browser_lock/"},
        f"{AP}attempt_number": 1,
        f"{AP}start_assessment_url": f"{PLATFORM}/lti/lti_consumer/v1/start_proctoring_assessment",
        f"{AP}acs": {
            "assessment_control_url": f"{PLATFORM}/lti/{vendor.tool.pk}/acs",
            "actions": ["pause", "resume", "update", "flag", "terminate"],
        },
    }


def test_the_form_sends_itself_or_is_sent_by_its_button(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    response = browser.authorize(browser.start(attempt), vendor)
    form, page = form_of(response), response.content.decode()
    assert form.action == vendor.tool.launch_url
    assert form.fields.keys() == {"id_token", "state"}
    assert "<button" in page
    nonce = response["Content-Security-Policy"].partition("nonce-")[2].partition("'")[0]
    assert f'<script nonce="{nonce}">' in page


def test_markup_in_a_state_stays_text(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    state = '"><script>alert(1)</script>'
    response = browser.authorize(browser.start(attempt), vendor, state=state)
    assert form_of(response).fields["state"] == state
    assert b"<script>alert" not in response.content


def test_the_authentication_request_may_come_by_get(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    from tests.lti.vendor import AUTHORIZE, authentication_request  # noqa: PLC0415

    response = browser.get(AUTHORIZE, authentication_request(browser.start(attempt), vendor))
    assert "id_token" in form_of(response).fields


def test_a_ready_learner_goes_on_to_the_exam(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, exam: Exam
) -> None:
    launch = browser.launch(attempt, vendor)
    response = browser.answer(vendor.start_assessment(launch))
    assert response.status_code == 200
    assert f"http://localhost:2000/course/{exam.course_id}/{exam.content_id}" in response.content.decode()
    assert status(attempt) == "ready_to_start"


def test_whether_the_tool_wants_to_hear_of_the_end_is_what_its_last_message_says(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    browser.answer(vendor.start_assessment(browser.launch(attempt, vendor)))
    second = browser.launch(attempt, vendor)
    assert browser.answer(vendor.start_assessment(second, end_assessment_return=False)).status_code == 200
    kept = ProctoredAttempt.objects.get(attempt=attempt)
    assert (kept.end_assessment_return, kept.session_data) == (False, second[f"{AP}session_data"])


def test_the_tool_that_asked_is_launched_when_the_assessment_ends(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, exam: Exam
) -> None:
    begun = browser.launch(attempt, vendor)
    browser.answer(vendor.start_assessment(begun))
    act_as_learner(attempt, LearnerAction.START, learner=attempt.user)
    response = browser.follow(f"/lti/end_assessment/{attempt.pk}")
    assert status(attempt) == "submitted"
    ended = browser.bring(query_of(response), vendor)
    assert ended[f"{LTI}message_type"] == "LtiEndAssessment"
    assert ended[f"{AP}attempt_number"] == 1
    assert ended[f"{AP}session_data"] == begun[f"{AP}session_data"]
    assert ended[f"{LTI}launch_presentation"]["return_url"].endswith(exam.content_id)
    assert not {f"{AP}errormsg", f"{AP}errorlog", f"{AP}acs"} & ended.keys()


def test_an_assessment_that_broke_down_tells_the_tool_so(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    browser.answer(vendor.start_assessment(browser.launch(attempt, vendor)))
    act_as_learner(attempt, LearnerAction.ERROR, learner=attempt.user)
    ended = browser.bring(query_of(browser.follow(f"/lti/end_assessment/{attempt.pk}")), vendor)
    assert ended[f"{AP}errormsg"]
    assert ended[f"{AP}errorlog"]
    assert status(attempt) == "error"


@pytest.mark.parametrize("asked", [None, False])
def test_without_a_wish_of_the_tool_the_end_leads_to_the_exam(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, exam: Exam, asked: bool | None
) -> None:
    browser.answer(vendor.start_assessment(browser.launch(attempt, vendor), end_assessment_return=asked))
    response = browser.follow(f"/lti/end_assessment/{attempt.pk}")
    assert response["Location"] == f"http://localhost:2000/course/{exam.course_id}/{exam.content_id}"
    assert status(attempt) == "submitted"


@pytest.mark.parametrize("finished", ["verified", "rejected", "second_review_required", "error"])
def test_the_end_leaves_a_finished_attempt_as_it_is(browser: Browser, attempt: ExamAttempt, finished: str) -> None:
    ExamAttempt.objects.filter(pk=attempt.pk).update(status=finished)
    assert browser.follow(f"/lti/end_assessment/{attempt.pk}").status_code == 302
    assert status(attempt) == finished


def test_an_exam_of_three_hours_outlasts_its_launch_and_still_ends_in_the_tool(
    browser: Browser, vendor: Vendor, learner: User
) -> None:
    now = timezone.now()
    attempt = make_attempt(proctored_exam(vendor, time_limit_mins=180), learner)
    begun = browser.launch(attempt, vendor)
    browser.answer(vendor.start_assessment(begun))
    act_as_learner(attempt, LearnerAction.START, learner=learner)
    for model in (LtiLaunch, UsedToken):  # two hours and a half go by, as far as they can tell
        model.objects.update(expires_at=F("expires_at") - timedelta(minutes=150))
    ExamAttempt.objects.update(start_time=now - timedelta(minutes=150))
    call_command("submit_timed_out_attempts", verbosity=0)
    assert not LtiLaunch.objects.exists()
    assert not UsedToken.objects.exists()
    assert status(attempt) == "started", "it has half an hour left"
    ended = browser.bring(query_of(browser.follow(f"/lti/end_assessment/{attempt.pk}")), vendor)
    assert ended[f"{LTI}message_type"] == "LtiEndAssessment"
    assert ended[f"{AP}session_data"] == begun[f"{AP}session_data"]
    assert status(attempt) == "submitted"


def test_the_sweep_purges_what_has_expired_and_nothing_else(
    attempt: ExamAttempt, vendor: Vendor, browser: Browser
) -> None:
    browser.start(attempt)
    browser.start(attempt)
    old = LtiLaunch.objects.order_by("pk").first()
    assert old
    LtiLaunch.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    call_command("submit_timed_out_attempts", verbosity=0)
    assert not LtiLaunch.objects.filter(pk=old.pk).exists()
    assert LtiLaunch.objects.count() == 1


@pytest.mark.parametrize("further_on", ["ready_to_start", "started", "ready_to_submit"])
def test_a_relaunch_does_not_take_an_attempt_back(
    browser: Browser, running: ExamAttempt, vendor: Vendor, further_on: str
) -> None:
    ExamAttempt.objects.filter(pk=running.pk).update(status=further_on)
    launch = browser.launch(running, vendor)
    assert status(running) == further_on
    page = browser.answer(vendor.start_assessment(launch))
    assert page.status_code == 200
    assert status(running) == further_on
    assert ("Your time is running" in page.content.decode()) == (further_on != "ready_to_start")


@pytest.mark.parametrize(
    "finished", ["submitted", "verified", "rejected", "error", "second_review_required", "expired"]
)
def test_no_launch_begins_for_a_finished_attempt(browser: Browser, attempt: ExamAttempt, finished: str) -> None:
    ExamAttempt.objects.filter(pk=attempt.pk).update(status=finished)
    response = browser.follow(f"/lti/start_proctoring/{attempt.pk}")
    assert (response.status_code, response.json()["detail"][:26]) == (403, "This exam has ended alread")
    assert status(attempt) == finished
    assert not LtiLaunch.objects.exists()


def test_nobody_launches_without_a_token(browser: Browser, attempt: ExamAttempt) -> None:
    assert browser.get(f"/lti/start_proctoring/{attempt.pk}").status_code == 401
    assert browser.get(f"/lti/end_assessment/{attempt.pk}").status_code == 401
    assert status(attempt) == "created"


def test_an_attempt_that_is_not_there_is_a_400(browser: Browser) -> None:
    for path in ("start_proctoring", "end_assessment"):
        assert browser.follow(f"/lti/{path}/987654").status_code == 400
        assert browser.follow(f"/lti/{path}/9999999999999999999").status_code == 400


@pytest.mark.parametrize("path", ["start_proctoring", "end_assessment"])
def test_someone_elses_attempt_is_refused_without_a_word_of_whose_it_is(
    attempt: ExamAttempt, global_staff: User, path: str
) -> None:
    for stranger in (UserFactory.create(), global_staff):
        response = Browser(stranger).follow(f"/lti/{path}/{attempt.pk}")
        assert response.status_code == 403
        assert attempt.user.username not in response.content.decode()
        assert response.json()["detail"] == f"There is no attempt {attempt.pk} that is yours to change."
    assert status(attempt) == "created"


def _without_provider(exam: Exam, vendor: Vendor) -> None:
    Exam.objects.filter(pk=exam.pk).update(provider=None)


def _with_unknown_tool(exam: Exam, vendor: Vendor) -> None:
    assert exam.provider
    exam.provider.lti_configuration_id = "not-a-number"
    exam.provider.save()


def _with_disabled_tool(exam: Exam, vendor: Vendor) -> None:
    LtiTool.objects.update(is_enabled=False)


@pytest.mark.parametrize("spoil", [_without_provider, _with_unknown_tool, _with_disabled_tool])
def test_without_a_usable_tool_nothing_changes(
    browser: Browser, attempt: ExamAttempt, exam: Exam, vendor: Vendor, spoil: Any
) -> None:
    spoil(exam, vendor)
    assert browser.follow(f"/lti/start_proctoring/{attempt.pk}").status_code == 400
    assert status(attempt) == "created"


def test_nobody_is_set_up_for_an_exam_that_was_replaced(
    browser: Browser, attempt: ExamAttempt, exam: Exam, vendor: Vendor
) -> None:
    Exam.objects.filter(pk=exam.pk).update(is_active=False)
    refusal = browser.follow(f"/lti/start_proctoring/{attempt.pk}")
    assert (refusal.status_code, status(attempt)) == (400, "created")
    assert "open it again" in refusal.json()["detail"]


@pytest.mark.parametrize("moment", ["before the tool asks", "before the tool answers"])
def test_an_exam_that_is_replaced_in_the_middle_of_a_launch_is_to_be_opened_again(
    moment: str, browser: Browser, attempt: ExamAttempt, exam: Exam, vendor: Vendor
) -> None:
    told = browser.start(attempt)
    if moment == "before the tool asks":
        Exam.objects.filter(pk=exam.pk).update(is_active=False)
        refused = form_of(browser.authorize(told, vendor)).fields["error_description"]
    else:
        message = vendor.start_assessment(browser.bring(told, vendor))
        Exam.objects.filter(pk=exam.pk).update(is_active=False)
        answer = browser.answer(message)
        assert answer.status_code == 400
        refused = answer.content.decode()
    assert "open it again" in refused
    assert status(attempt) == "download_software_clicked"


def test_whoever_has_begun_comes_back_to_an_exam_that_was_replaced(
    browser: Browser, running: ExamAttempt, exam: Exam, vendor: Vendor
) -> None:
    Exam.objects.filter(pk=exam.pk).update(is_active=False)
    assert browser.answer(vendor.start_assessment(browser.launch(running, vendor))).status_code == 200
    assert status(running) == "started"


def test_a_browser_gets_its_refusal_as_a_page_and_others_as_json(browser: Browser) -> None:
    page = browser.follow("/lti/start_proctoring/987654", Accept="text/html,*/*")
    assert page["Content-Type"].startswith("text/html")
    assert "There is no attempt 987654" in page.content.decode()
    assert browser.follow("/lti/start_proctoring/987654").json()["detail"]


@pytest.mark.parametrize("path", ["start_proctoring", "end_assessment"])
def test_a_link_followed_from_another_website_does_nothing(browser: Browser, attempt: ExamAttempt, path: str) -> None:
    link = f"/lti/{path}/{attempt.pk}"
    assert browser.follow(link, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert status(attempt) == "created"
    assert browser.follow(link, **{"Sec-Fetch-Site": "same-site"}).status_code == 302


@pytest.mark.parametrize(
    ("header", "purpose"),
    [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
    ],
)
def test_a_browser_that_fetches_ahead_changes_nothing(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, header: str, purpose: str
) -> None:
    for path in ("start_proctoring", "end_assessment"):
        assert browser.follow(f"/lti/{path}/{attempt.pk}", **{header: purpose}).status_code == 503
    assert status(attempt) == "created"
    request = authentication_request(browser.start(attempt), vendor)
    assert browser.get(AUTHORIZE, request, headers={header: purpose}).status_code == 503
    assert "id_token" in form_of(browser.get(AUTHORIZE, request)).fields, "the person's own request finds it unused"


def test_the_cookies_of_the_lms_are_enough_to_follow_a_link(attempt: ExamAttempt) -> None:
    from tests.conftest import person  # noqa: PLC0415

    browser = Browser(attempt.user)
    browser.cookies.load(person(attempt.user).cookies())
    link = f"/lti/start_proctoring/{attempt.pk}"
    assert browser.get(link, headers={"Referer": "http://localhost:2000/course/x"}).status_code == 302
    assert browser.post(f"/lti/start_proctoring/{attempt.pk}").status_code == 302
    strict = Browser(attempt.user)
    strict.handler.enforce_csrf_checks = True
    strict.cookies.load(person(attempt.user).cookies())
    assert strict.post(f"/lti/start_proctoring/{attempt.pk}").status_code == 401, "a form of another site's"


def test_two_launches_in_one_browser_do_not_disturb_each_other(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    first, second = browser.start(attempt), browser.start(attempt)
    launch = browser.bring(first, vendor)
    browser.bring(second, vendor)
    assert browser.answer(vendor.start_assessment(launch)).status_code == 200


def test_our_key_may_be_rotated_in_the_middle_of_a_launch(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    told = browser.start(attempt)
    response = browser.authorize(told, vendor)
    new = platform_keys.rotate_key(vendor.tool)
    launch = vendor.read_launch(form_of(response), platform_keys.key_set(vendor.tool))
    assert browser.answer(vendor.start_assessment(launch)).status_code == 200
    assert browser.launch(attempt, vendor)["nonce"], "the new key signs"
    assert [key["kid"] for key in platform_keys.key_set(vendor.tool)["keys"]][-1] == new.kid


def test_the_course_team_is_launched_as_instructors(vendor: Vendor, exam: Exam, course_team: User) -> None:
    browser = Browser(course_team)
    response = browser.follow(f"/lti/exam/{exam.pk}/instructor_tool")
    launch = browser.bring(query_of(response), vendor)
    assert launch[f"{LTI}message_type"] == "LtiResourceLinkRequest"
    assert launch[f"{LTI}roles"] == [
        "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor",
        "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor",
    ]
    assert launch[f"{LTI}custom"] == {"roster_url": f"{PLATFORM}/lti/exam/{exam.pk}/instructor_tool/roster"}
    assert f"{AP}acs" not in launch


def test_only_the_course_team_gets_to_the_tool_and_the_roster(learner: User, exam: Exam, course_team: User) -> None:
    for path in (f"/lti/exam/{exam.pk}/instructor_tool", f"/lti/exam/{exam.pk}/instructor_tool/roster"):
        assert Browser(learner).get(path).status_code == 401
        assert Browser(learner).follow(path).status_code == 403
    assert Browser(course_team).follow("/lti/exam/98765/instructor_tool").status_code == 400
    timed = ExamFactory.create()
    assert Browser(course_team).follow(f"/lti/exam/{timed.pk}/instructor_tool").status_code == 400
    assert Browser(course_team).follow("/lti/exam/98765/instructor_tool/roster").status_code == 404


def test_the_roster_tells_each_learner_once_by_token_or_session(exam: Exam, course_team: User) -> None:
    people = [UserFactory.create(username=name) for name in ("zoe", "adam")]
    for someone in (*people, *people[:1]):
        ExamAttempt.objects.create(exam=exam, user=someone, attempt_number=1, status="created")
    expected = [[str(someone.anonymous_user_id), someone.username] for someone in reversed(people)]
    browser = Browser(course_team)
    path = f"/lti/exam/{exam.pk}/instructor_tool/roster"
    assert browser.follow(path).json() == expected
    browser.follow(f"/lti/exam/{exam.pk}/instructor_tool")
    assert browser.get(path).json() == expected, "the session of the launch is enough"


def test_a_vendor_configured_long_ago_finds_its_urls(client: Any, vendor: Vendor) -> None:
    tool = register("old", config_id=uuid.UUID("d02023bdeb7b4924b8341c8da6a8112b")).tool
    answer = client.get("/lti/lti_consumer/v1/public_keysets/d02023bd-eb7b-4924-b834-1c8da6a8112b")
    assert answer.status_code == 200
    assert answer.json() == platform_keys.key_set(tool)
    assert client.get(f"/lti/lti_consumer/v1/public_keysets/{uuid.uuid4()}").status_code == 404
    assert client.post("/lti/lti_consumer/v1/public_keysets/d02023bd-eb7b-4924-b834-1c8da6a8112b").status_code == 405
