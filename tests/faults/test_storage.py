"""R2 has a bad minute, or a bad hour."""

from __future__ import annotations

import pytest

from localcloud.phone import Phone, new_id
from tests.cloud import MAX_ATTEMPTS, RECORDING, Family, TestCloud
from tests.rules import check_rules


@pytest.mark.parametrize("fault", ["r2.GetObject:500", "r2.PutObject:500", "r2.GetObject:reset", "r2.PutObject:reset"])
def test_once(cloud: TestCloud, family: Family, fault: str) -> None:
    """boto3 tries again by itself: nobody notices."""
    before = cloud.struck(fault)
    cloud.faults(f"{fault} x1")
    path = family.ask()

    assert family.finished(path)["status"] == "ready"
    assert cloud.struck(fault) == before + 1
    assert cloud.job_of(path)["attempt"] == 1
    check_rules(cloud, path)


def test_long_enough_to_cost_an_attempt(cloud: TestCloud, family: Family) -> None:
    """The beginning of the stream and the first piece go up side by side, each three times in vain.

    That the piece could not be kept costs nothing: it is spoken again.
    """
    cloud.faults("r2.PutObject:500 x6")
    path = family.ask()

    request = family.finished(path)

    assert request["status"] == "ready"
    assert "error" not in request
    assert cloud.job_of(path)["attempt"] == 2
    check_rules(cloud, path)


@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_longer_than_all_attempts(cloud: TestCloud, family: Family, operation: str) -> None:
    cloud.faults(f"r2.{operation}:500")
    path = family.ask()

    request = family.finished(path)

    assert request["status"] == "failed"
    assert request["error"] == {
        "code": "unavailable",
        "message": "The object storage is not answering as it should. Try again later.",
        "retryable": True,
    }
    job = cloud.job_of(path)
    assert (job["state"], job["attempt"]) == ("failed", MAX_ATTEMPTS)
    assert cloud.get(f"quotas/{family.user_id}")["characters"] == 0
    assert family.story_of(path)["audioStatus"] == "failed"
    cloud.faults("")
    check_rules(cloud, path)


def test_a_voice_whose_sample_cannot_be_stored_leaves_no_profile(cloud: TestCloud, phone: Phone) -> None:
    """Two objects a voice: with only the first stored, neither stays."""
    voice_id = new_id()
    key = phone.upload(voice_id, RECORDING, "audio/flac")
    cloud.faults("r2.PutObject:403")
    path = phone.create_voice(voice_id, "Mum", key)

    voice = phone.finished(path)

    assert (voice["status"], voice["error"]["code"]) == ("failed", "failed_precondition")
    cloud.faults("")
    check_rules(cloud, path)
