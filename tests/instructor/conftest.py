# SPDX-License-Identifier: AGPL-3.0-only
"""Fixtures of the instructor dashboard's tests: the API's own."""

from tests.api.conftest import (  # noqa: F401  (fixtures)
    _hold_answers_against_the_document,
    as_nobody,
    snapshot,
    unchanged,
)
