"""One official suite for the tests of a file, with the local cloud's helpers around it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.firebase_suite.cloud import SuiteCloud
from tests.cloud import TestCloud, cloud, family, phone

__all__ = ["_running", "cloud", "family", "phone"]


@pytest.fixture(scope="module")
def _running() -> Iterator[TestCloud]:
    """What the fixture `cloud` hands out."""
    cloud = TestCloud(SuiteCloud)
    yield cloud
    cloud.stop()
