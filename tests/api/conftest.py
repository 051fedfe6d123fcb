"""The HTTP API on the shared local cloud; see tests/cloud.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.phone import new_id
from tests.api.service import Service
from tests.cloud import Family, TestCloud, _running, cloud, family, phone

__all__ = ["_running", "cloud", "family", "phone"]


@pytest.fixture
def service(cloud: TestCloud) -> Iterator[Service]:
    """Acting for a user of its own."""
    service = Service(cloud, f"user-{new_id()}")
    yield service
    service.close()


@pytest.fixture
def of_family(cloud: TestCloud, family: Family) -> Iterator[Service]:
    """Acting for a user who has a voice."""
    service = Service(cloud, family.user_id)
    yield service
    service.close()
