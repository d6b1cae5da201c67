# SPDX-License-Identifier: AGPL-3.0-only
"""
The registration of the proctoring tool with the exam service: what a vendor and an operator tell each other once.

Each of the two reads it here: one when the database is prepared, the other when it starts.
"""

from __future__ import annotations

import uuid
from typing import Final

from sandbox.environment import this_sandbox

TOOL_NAME: Final = "Sandbox Proctor"
CLIENT_ID: Final = "sandbox-proctor"
DEPLOYMENT_ID: Final = "1"
CONFIG_ID: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "proctor.sandbox.invalid")

# What the tool tells the platform: its addresses.
LOGIN_PATH: Final = "/lti/login"
LAUNCH_PATH: Final = "/lti/launch"
KEY_SET_PATH: Final = "/lti/keys"


def tool_address(path: str) -> str:
    """An address of the tool."""
    return this_sandbox().tool_url + path


# What the platform tells the tool: its name, which is its address, and where it answers.


def issuer() -> str:
    """The exam service's name in every message."""
    return this_sandbox().exams_url


def authorization_url() -> str:
    """Return the platform's address for the start of a launch."""
    return f"{issuer()}/lti/lti_consumer/v1/launch/"


def token_url() -> str:
    """Return the platform's token endpoint."""
    return f"{issuer()}/lti/lti_consumer/v1/token/{CONFIG_ID}"


def platform_key_set_url() -> str:
    """Return the address of the platform's key set for this tool."""
    return f"{issuer()}/lti/lti_consumer/v1/public_keysets/{CONFIG_ID}"
