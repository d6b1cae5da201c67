# SPDX-License-Identifier: AGPL-3.0-only
"""The platform's own addresses, as tools know them."""

from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.urls import reverse

from edx_exams.apps.lti.models import LtiTool


def issuer() -> str:
    """Return the issuer of all our messages, exactly as configured."""
    return settings.LTI_API_BASE or settings.LTI_BASE or settings.LMS_ROOT_URL


def address(name: str, **arguments: object) -> str:
    """The absolute URL of one of our LTI paths, by its route's name."""
    return urljoin(issuer(), reverse(f"lti:{name}", kwargs=arguments))


def token_url(tool: LtiTool) -> str:
    """URL of the tool's token endpoint."""
    return address("token", config_id=tool.config_id)


def acs_url(tool: LtiTool) -> str:
    """URL of the tool's Assessment Control Service."""
    return address("acs", tool_id=tool.pk)


def browser_lock_address() -> str:
    """Host and path of the page for browsers without the vendor's extension, without scheme: tools expect none."""
    page = urlsplit(urljoin(issuer(), reverse("browser-lock")))
    return f"{page.netloc}{page.path}"
