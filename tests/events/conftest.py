# SPDX-License-Identifier: AGPL-3.0-only
"""Fixtures of the event bus's tests."""

from collections.abc import Iterator

import pytest

from tests.mockbus import MockBus


@pytest.fixture(scope="package", autouse=True)
def _no_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients of the registry trust nobody: none speaks TLS here, and each would read a bundle of certificates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE", raising=False)
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("certificates")))
        yield


@pytest.fixture(scope="session")
def mock_bus() -> Iterator[MockBus]:
    """A Kafka broker and a schema registry, in this process."""
    with MockBus() as bus:
        yield bus
