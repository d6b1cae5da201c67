# SPDX-License-Identifier: AGPL-3.0-only
"""Fixtures of the event bus's tests."""

from collections.abc import Iterator

import pytest

from tests.mockbus import MockBus


@pytest.fixture(scope="session")
def mock_bus() -> Iterator[MockBus]:
    """A Kafka broker and a schema registry, in this process."""
    with MockBus() as bus:
        yield bus
