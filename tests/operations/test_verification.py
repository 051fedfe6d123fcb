"""Documents and objects compared: what is lost, what is left, what is nobody's; and only what is left is swept."""

from __future__ import annotations

from localcloud.cloud import BUCKET
from tests.cloud import Family, TestCloud
from tests.operations.conftest import Desk


def test_a_loss_a_leftover_and_a_stray_are_told_apart(desk: Desk, family: Family, cloud: TestCloud) -> None:
    user = family.user_id
    path = family.ask()
    told = family.finished(path)
    assert told["status"] == "ready"
    assert desk.answer("verify", "--user", user) == []
    job = f"stories/{user}/{told['storyId']}/{told['jobId']}"
    left, stray = f"{job}/9/audio.mp3", f"stories/{user}/another/job/1/audio.mp3"
    unused, strange = f"recordings/{user}/voice/upload.m4a", f"voices/{user}/short"
    for key in (left, stray, unused, strange):
        cloud.bucket.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    cloud.bucket.delete_object(Bucket=BUCKET, Key=told["timingsKey"])
    found = {row["key"]: row["problem"] for row in desk.answer("verify", "--user", user, status=1)}
    assert found == {
        left: "left by an attempt",
        stray: "no document",
        unused: "no document",
        strange: "no document",
        told["timingsKey"]: "missing object",
    }
    desk.answer("verify", "--user", user, "--sweep", status=1)
    assert left in cloud.keys(job)
    desk.answer("verify", "--user", user, "--sweep", "--yes", status=1)
    remaining = {row["key"] for row in desk.answer("verify", "--user", user, status=1)}
    assert remaining == {stray, unused, strange, told["timingsKey"]}
    assert told["audioKey"] in cloud.keys(job)


def test_all_users_are_verified_together(desk: Desk, family: Family, cloud: TestCloud) -> None:
    """Other tests' users are about; what this one leaves must be found among theirs."""
    key = f"chunks/nobody-{family.user_id}/piece.flac"
    cloud.bucket.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    rows = {row["key"]: row["problem"] for row in desk.answer("verify", status=1)}
    assert rows[key] == "no document"
