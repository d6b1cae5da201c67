# SPDX-License-Identifier: AGPL-3.0-only
"""
The messages that we sign: what is in them, as pure functions of what they tell of.

LTI 1.3 Core, section 5; Security Framework 1.0, section 5.1.2 (ID token); Proctoring Services 1.0, the messages “Start
Proctoring” and “End Assessment”.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from edx_exams.apps.core.transition_rules import ControlAction

LTI: Final = "https://purl.imsglobal.org/spec/lti/claim/"
AP: Final = "https://purl.imsglobal.org/spec/lti-ap/claim/"
VERSION: Final = "1.3.0"
#: Seconds for which an id_token is good.
ID_TOKEN_LIFETIME: Final = 3600
#: Seconds by which an id_token says it is older: a tool whose clock is behind must not see one from the future.
_BACKDATED: Final = 5

#: LTI 1.3 Core, appendix A.2.
INSTRUCTOR_ROLES: Final = (
    "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor",
    "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor",
)
CONTROL_ACTIONS: Final = tuple(action.value for action in ControlAction)


class Platform(NamedTuple):
    """
    The issuing platform.

    :param issuer: as configured
    :param name: as its people know it
    """

    issuer: str
    name: str


class Registration(NamedTuple):
    """The tool that a message is signed for."""

    client_id: str
    deployment_id: str
    target_link_uri: str


class Subject(NamedTuple):
    """
    Person and exam of a launch. No name and no e-mail address goes to a tool.

    :param anonymous_user_id: under which tools know the person
    :param return_url: where the tool sends the person afterwards
    """

    anonymous_user_id: str
    resource_id: str
    exam_name: str
    course_id: str
    content_id: str
    return_url: str


def common_claims(
    message_type: str,
    platform: Platform,
    registration: Registration,
    subject: Subject,
    *,
    nonce: str,
    now: datetime,
    roles: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Build the claims that all our messages have."""
    issued = int(now.timestamp())
    return {
        # Security Framework 5.1.2: the ID token
        "iss": platform.issuer,
        "aud": registration.client_id,
        "azp": registration.client_id,
        "sub": subject.anonymous_user_id,
        "nonce": nonce,
        "iat": issued - _BACKDATED,
        "exp": issued + ID_TOKEN_LIFETIME,
        # LTI 1.3 Core 5.3: required
        f"{LTI}message_type": message_type,  # 5.3.1
        f"{LTI}version": VERSION,  # 5.3.2
        f"{LTI}deployment_id": registration.deployment_id,  # 5.3.3
        f"{LTI}target_link_uri": registration.target_link_uri,  # 5.3.4
        f"{LTI}resource_link": {"id": subject.resource_id, "title": subject.exam_name},  # 5.3.5
        f"{LTI}roles": list(roles),  # 5.3.7; a learner's launch names none
        # LTI 1.3 Core 5.4: optional
        f"{LTI}context": {"id": subject.course_id, "label": subject.content_id},  # 5.4.1
        f"{LTI}tool_platform": {  # 5.4.2
            "guid": str(uuid.uuid5(uuid.NAMESPACE_DNS, platform.name)),
            "name": platform.name,
        },
        f"{LTI}launch_presentation": {"return_url": subject.return_url},  # 5.4.4
        f"{LTI}custom": {},  # 5.4.6
    }


def start_proctoring_claims(
    *,
    attempt_number: int,
    session_data: str,
    start_assessment_url: str,
    control_url: str,
    custom_url: str,
    review_policy_exception: str | None,
) -> dict[str, Any]:
    """
    Build the claims that LtiStartProctoring adds: Proctoring Services 1.0, “Start Proctoring Message”.

    :param session_data: the tool gives it back with LtiStartAssessment
    :param custom_url: host and path of the page for browsers without the vendor's extension
    :param review_policy_exception: the course team's words for the proctor of this learner
    """
    custom = {"custom_url": custom_url}
    if review_policy_exception is not None:
        custom["review_policy_exception"] = review_policy_exception
    return {
        f"{AP}attempt_number": attempt_number,
        f"{AP}session_data": session_data,
        f"{AP}start_assessment_url": start_assessment_url,
        f"{AP}acs": {"assessment_control_url": control_url, "actions": list(CONTROL_ACTIONS)},
        f"{LTI}custom": custom,
    }


def end_assessment_claims(*, attempt_number: int, session_data: str, error: Mapping[str, str] | None) -> dict[str, Any]:
    """
    Build the claims that LtiEndAssessment adds: Proctoring Services 1.0, “End Assessment Message”.

    :param session_data: of the launch with which the assessment began
    :param error: `errormsg` for the learner and `errorlog` for the tool's log, where it ended in an error
    """
    errors = {f"{AP}{name}": text for name, text in (error or {}).items()}
    return {f"{AP}attempt_number": attempt_number, f"{AP}session_data": session_data, **errors}


def instructor_claims(*, roster_url: str) -> dict[str, Any]:
    """Build the claims that an instructor's LtiResourceLinkRequest adds."""
    return {f"{LTI}custom": {"roster_url": roster_url}}
