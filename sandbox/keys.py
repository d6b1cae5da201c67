# SPDX-License-Identifier: AGPL-3.0-only
"""
The servers' signing keys, made once per sandbox and kept in its ``keys`` directory.

LMS and exam service read their own private key and the other's public key set, as in a real installation: the LMS signs
who somebody is, the exam service signs who may see an exam. The proctoring tool publishes its key set at an address.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

LMS: Final = "lms"
EXAMS: Final = "exams"
TOOL: Final = "tool"
ALGORITHM: Final = "RS512"
TOOL_ALGORITHM: Final = "RS256"  # what LTI prescribes
ALGORITHMS: Final = {LMS: ALGORITHM, EXAMS: ALGORITHM, TOOL: TOOL_ALGORITHM}
KEY_BITS: Final = 2048

_PRIVATE_PARTS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "key_ops"})


def private_key_path(directory: Path, owner: str) -> Path:
    """File with the owner's private key, a JWK."""
    return directory / f"{owner}.private.jwk.json"


def public_keys_path(directory: Path, owner: str) -> Path:
    """File with the owner's public keys, a JWK set."""
    return directory / f"{owner}.public.jwks.json"


def make_missing_keys(directory: Path) -> list[str]:
    """
    Make the keys that are not there yet.

    :returns: the owners whose keys were made now
    :raises OSError: the directory cannot be written
    """
    directory.mkdir(parents=True, exist_ok=True)
    made = []
    for owner in ALGORITHMS:
        private, public = private_key_path(directory, owner), public_keys_path(directory, owner)
        if private.exists() and public.exists():
            continue
        jwk = _new_private_jwk(owner)
        # The private key last: it is the one whose presence means "complete".
        _write(public, json.dumps({"keys": [_public_part(jwk)]}, indent=2), mode=0o644)
        _write(private, json.dumps(jwk, indent=2), mode=0o600)
        made.append(owner)
    return made


def private_key(directory: Path, owner: str) -> str:
    """The owner's private key as the JSON text of a JWK."""
    return private_key_path(directory, owner).read_text(encoding="utf-8")


def public_keys(directory: Path, owner: str) -> str:
    """The owner's public keys as the JSON text of a JWK set."""
    return public_keys_path(directory, owner).read_text(encoding="utf-8")


def _new_private_jwk(owner: str) -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {**jwk, "kid": f"sandbox-{owner}", "alg": ALGORITHMS[owner], "use": "sig"}


def _public_part(jwk: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in _PRIVATE_PARTS}


def _write(path: Path, text: str, *, mode: int) -> None:
    """Write whole or not at all: a start that is interrupted leaves no half a key."""
    unfinished = path.with_suffix(".tmp")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    unfinished.replace(path)
