# SPDX-License-Identifier: AGPL-3.0-only
"""An event bus for fast tests: librdkafka's mock cluster and a schema registry of our own, both over real sockets."""

from tests.mockbus.bus import MockBus, Received
from tests.mockbus.registry import SchemaRegistry

__all__ = ["MockBus", "Received", "SchemaRegistry"]
