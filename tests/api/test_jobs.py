"""A job as its owner sees it: asked for, streamed, taken back."""

from __future__ import annotations

import json

from tests.api.service import Fields, Service
from tests.cloud import TWO_PIECES, Family, TestCloud


def test_a_job_is_followed_to_its_end(cloud: TestCloud, family: Family, of_family: Service) -> None:
    """The stream is opened while the story stands still behind the gate, and goes on to the last event."""
    cloud.close_gate()
    asked = of_family.post("/synthesize", {"text": TWO_PIECES, "voice_id": family.voice_id})
    job_id, audio_id = asked["metadata"]["job_id"], asked["audio_id"]
    family.until_half_told(f"audio_requests/{audio_id}")
    seen: list[tuple[str, Fields]] = []

    request = of_family.request("GET", f"/jobs/{job_id}/events")
    answer = of_family.http.send(request, stream=True)
    try:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            kind, _, said = line.partition(": ")
            if kind == "event":
                name = said
            elif kind == "data":
                seen.append((name, json.loads(said)))
                cloud.open_gate()
    finally:
        answer.close()

    assert [name for name, _ in seen] == ["progress"] * (len(seen) - 1) + ["done"]
    assert seen[0][1]["progress"] == {"done": 1, "total": 2, "stage": "speaking"}
    last = seen[-1][1]
    assert last == of_family.get(f"/jobs/{job_id}")
    assert (last["kind"], last["status"], last["audio_id"], last["voice_id"]) == ("narrate", "ready", audio_id, None)
    assert last["progress"]["stage"] == "done"
    assert last["queued_at"] <= last["started_at"] <= last["finished_at"]


def test_a_job_is_taken_back(cloud: TestCloud, family: Family, of_family: Service) -> None:
    cloud.close_gate()
    asked = of_family.post("/synthesize", {"text": TWO_PIECES, "voice_id": family.voice_id})
    job_id, audio_id = asked["metadata"]["job_id"], asked["audio_id"]
    family.until_half_told(f"audio_requests/{audio_id}")

    for _ in range(2):
        answer = of_family.call("POST", f"/jobs/{job_id}/cancel")
        assert answer.json() == {"job_id": job_id, "status": "cancelled"}
    cloud.open_gate()

    assert of_family.get(f"/jobs/{job_id}")["status"] == "cancelled"
    gone = of_family.call("GET", f"/audio/{audio_id}")
    assert (gone.status_code, gone.json()["code"]) == (409, "cancelled")


def test_a_job_that_is_over_cannot_be_taken_back(family: Family, of_family: Service) -> None:
    asked = of_family.post("/synthesize", {"text": "Good night.", "voice_id": family.voice_id})
    job_id = asked["metadata"]["job_id"]
    of_family.finished(job_id)

    answer = of_family.call("POST", f"/jobs/{job_id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (400, "failed_precondition")
