# SPDX-License-Identifier: AGPL-3.0-only
"""The settings' example, filled in as an operator does."""

import json
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "docs" / "how-tos" / "edx_exams.example.yml"
PLACEHOLDER: Final = "SET-ME-PLEASE"


def example() -> dict[str, Any]:
    """The file, as it comes."""
    return dict(yaml.safe_load(EXAMPLE.read_text()))


def filled_in(value: Any, name: str = "") -> Any:
    """Replace the placeholders: secrets at random, keys that fit."""
    match value:
        case dict():
            return {key: filled_in(inner, key) for key, inner in value.items()}
        case list():
            return [filled_in(inner, name) for inner in value]
        case "SET-ME-PLEASE" if "JWK" in name:
            key = RSAAlgorithm.to_jwk(generate_private_key(65537, 2048), as_dict=True)
            public = {"kid": "key", "kty": "RSA", "n": key["n"], "e": key["e"]}
            return json.dumps({"keys": [public]} if name.endswith("SET") else key | {"kid": "key"})
        case "SET-ME-PLEASE":
            return "k7Qw2ZrT9uVxY4bNcE6gHjLmP8sDfA3e"
        case _:
            return value
