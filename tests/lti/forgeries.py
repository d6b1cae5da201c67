# SPDX-License-Identifier: AGPL-3.0-only
"""Messages that a tool has not signed, for all that they say: nobody may take one."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Final

import jwt

from edx_exams.apps.lti import platform_keys
from tests.lti.vendor import Vendor, jwk_of, rsa_key

Forge = Callable[[Vendor, dict[str, Any]], str]


def unsigned(_: Vendor, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", "none")


def part(value: bytes) -> str:
    """One of a message's three parts."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _with_the_public_key(vendor: Vendor, claims: dict[str, Any]) -> str:
    """HS256 with the PEM as its secret, by hand, for no library does it."""
    message = f"{part(b'{"alg": "HS256", "typ": "JWT"}')}.{part(json.dumps(claims).encode())}"
    return f"{message}.{part(hmac.new(vendor.tool.public_key.encode(), message.encode(), hashlib.sha256).digest())}"


def _with_a_changed_body(vendor: Vendor, claims: dict[str, Any]) -> str:
    header, _, signature = vendor.sign(claims).split(".")
    return f"{header}.{part(json.dumps({**claims, 'x': 1}).encode())}.{signature}"


def _with_a_key_in_its_header(vendor: Vendor, claims: dict[str, Any]) -> str:
    key = rsa_key("stranger")
    return vendor.sign(claims, key=key, jwk=jwk_of(key, "k"), jku="https://evil.example.com/jwks")


FORGERIES: Final[dict[str, Forge]] = {
    "alg none": unsigned,
    "HS256 with the public key": _with_the_public_key,
    "a stranger's key": lambda vendor, claims: vendor.sign(claims, key=rsa_key("stranger")),
    "a stranger's key, unknown kid": lambda vendor, claims: vendor.sign(claims, key=rsa_key("stranger"), kid="?"),
    "a stranger's key, in the header": _with_a_key_in_its_header,
    "another tool's key": lambda vendor, claims: vendor.sign(claims, key=rsa_key("competitor")),
    "our own key": lambda vendor, claims: platform_keys.sign(vendor.tool, claims),
    "the tool's key, another algorithm": lambda vendor, claims: vendor.sign(claims, algorithm="PS256"),
    "the tool's key, another body": _with_a_changed_body,
}


#: What JSON may hold where something else belongs.
ODD_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    10**30,
    float("inf"),
    float("nan"),
    "",
    "x",
    "\0",
    chr(0xD800),
    "x" * 5000,
    [],
    [[]],
    [chr(0xD800)],
    {},
    {"id": []},
    {"id": chr(0xD800)},
)
