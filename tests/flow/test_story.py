"""The main job, end to end: a recording becomes a voice, a story becomes speech, and the documents say so."""

from __future__ import annotations

import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import av
import numpy as np
import pytest
from google.cloud.firestore import DocumentReference

from gpu_job.audio import Audio
from jobs import keys
from localcloud.phone import CONSENT, Phone, new_id
from tests.cloud import RECORDING, TWO_PIECES, Family, TestCloud
from tests.listening import share_heard
from tests.rules import check_rules

Fields = dict[str, Any]
TEXT = (
    "A lion lay asleep in the forest, his great head resting on his paws. A little mouse came upon him by surprise, "
    "and in her fright and haste to get away she ran straight across his nose."
)
STAGES = ("fetching", "speaking", "uploading", "done")


def hear(content: bytes) -> Audio:
    """Any of our formats as mono samples."""
    with av.open(io.BytesIO(content), "r") as container:
        rate = container.streams.audio[0].rate
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    samples = np.concatenate([block.reshape(1, -1) if block.ndim == 1 else block for block in blocks], axis=1)[0]
    if samples.dtype.kind == "i":
        samples = samples.astype(np.float32) / float(np.iinfo(samples.dtype).max)
    return Audio(samples.astype(np.float32), rate)


def test_a_recording_becomes_a_voice(cloud: TestCloud, phone: Phone) -> None:
    started = datetime.now(UTC)
    voice_id = new_id()
    recording_key = phone.upload(voice_id, RECORDING, "audio/flac")
    path = phone.create_voice(voice_id, "Mum", recording_key)

    voice = phone.finished(path, 60)

    job = keys.job_id(path)
    folder = f"voices/{phone.user_id}/{voice_id}/{job}/1"
    quality = voice.pop("quality")
    created, updated, accepted = voice.pop("createdAt"), voice.pop("updatedAt"), voice["consent"].pop("acceptedAt")
    assert voice == {
        "userId": phone.user_id,
        "name": "Mum",
        "language": "en",
        "isKidsVoice": False,
        "recordingKey": recording_key,
        "consent": {"speaker": "Mum", "statement": CONSENT},
        "status": "ready",
        "jobId": job,
        "profileKey": f"{folder}/profile.safetensors",
        "sampleKey": f"{folder}/sample.mp3",
        "model": "piper",
        "clones": False,
        "progress": {"done": 3, "total": 3, "stage": "done"},
    }
    assert started - timedelta(seconds=1) < accepted < created < updated
    assert quality.pop("seconds") == pytest.approx(hear(RECORDING).seconds, abs=0.05)
    assert quality.pop("speechSeconds") > 3
    assert set(quality) == {"levelDbfs", "clippingShare", "snrDb"}
    assert hear(cloud.object(voice["sampleKey"])).seconds > 2
    check_rules(cloud, path)


def test_a_story_is_heard(cloud: TestCloud, family: Family) -> None:
    story_id = family.story(TEXT)
    path = family.phone.request_audio(story_id, family.voice_id)
    seen: list[Fields] = []

    request = family.phone.finished(path, 60, seen.append)

    job = keys.job_id(path)
    audio = hear(family.phone.download(family.phone.call("getAudioUrl", {"requestId": path.partition("/")[2]})["url"]))
    seconds = request.pop("durationSeconds")
    request_created, request_updated = request.pop("createdAt"), request.pop("updatedAt")
    total = request["progress"]["total"]
    folder = f"stories/{family.user_id}/{story_id}/{job}/1"
    made = {
        "audioKey": f"{folder}/audio.mp3",
        "playlistKey": f"{folder}/playlist.m3u8",
        "timingsKey": f"{folder}/timings.json",
        "captionsKey": f"{folder}/captions.vtt",
    }
    assert request == {
        "userId": family.user_id,
        "storyId": story_id,
        "voiceId": family.voice_id,
        "language": "en",
        "status": "ready",
        "jobId": job,
        **made,
        "quality": {"pieces": total, "retaken": 0, "flawed": 0, "faults": []},
        "progress": {"done": total, "total": total, "stage": "done"},
    }
    assert request_created < request_updated

    story = cloud.get(f"stories/{story_id}")
    [version] = story.pop("audioVersions")
    assert story == {
        "userId": family.user_id, "title": "A story", "text": TEXT, "language": "en", "audioStatus": "ready",
    }  # fmt: skip
    assert request_created < version.pop("createdAt") < request_updated + timedelta(seconds=1)
    assert version == {
        "id": job,
        "voiceId": family.voice_id,
        "voiceName": "Mum",
        "language": "en",
        **made,
        "durationSeconds": seconds,
    }

    assert audio.seconds == pytest.approx(seconds, abs=0.1)
    assert 8 < len(TEXT) / seconds < 22  # characters a second, as people read aloud
    assert 0.02 < float(np.sqrt(np.mean(np.square(audio.samples)))) < 0.5
    assert share_heard(TEXT, audio) > 0.4

    check_progress(seen)
    check_rules(cloud, path)


def check_progress(seen: list[Fields]) -> None:
    """What a listener saw only ever went forward."""
    order = ("pending", "queued", "running", "ready")
    statuses = [order.index(document["status"]) for document in seen]
    assert statuses == sorted(statuses)
    assert statuses[-1] == order.index("ready")
    shown = [document["progress"] for document in seen if "progress" in document]
    steps = [(STAGES.index(progress["stage"]), progress["done"]) for progress in shown]
    assert steps == sorted(steps)
    assert all(0 <= progress["done"] <= progress["total"] for progress in shown)


def test_progress_is_seen_while_it_is_told(cloud: TestCloud, family: Family) -> None:
    """Behind the gate, so that it is slow enough to be looked at, however fast the machine."""
    cloud.close_gate()
    path = family.ask(TWO_PIECES)
    seen: list[Fields] = []
    for document in family.phone.watch(path, 60):
        seen.append(document)
        if (document.get("progress") or {}).get("done") == 1:
            cloud.open_gate()

    check_progress(seen)
    halfway = {"done": 1, "total": 2, "stage": "speaking"}
    assert {each["status"] for each in seen if each.get("progress") == halfway} == {"running"}
    check_rules(cloud, path)


def test_a_phone_reads_what_its_listener_was_not_brought(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DocumentReference, "on_snapshot", lambda *_: Mock())
    monkeypatch.setattr("localcloud.phone.LOOK_SECONDS", 0.05)

    assert family.phone.finished(family.ask())["status"] == "ready"


@pytest.mark.parametrize(
    ("format_name", "codec"),
    [("mp3", "mp3float"), ("m4a", "aac"), ("opus", "opus"), ("flac", "flac"), ("wav", "pcm_s16le")],
)
def test_each_format(cloud: TestCloud, family: Family, format_name: str, codec: str) -> None:
    path = family.ask(format=format_name)

    request = family.finished(path)

    assert request["status"] == "ready", request.get("error")
    assert request["audioKey"].rpartition("/")[2] == f"audio.{format_name}"
    content = cloud.object(request["audioKey"])
    with av.open(io.BytesIO(content)) as container:
        assert container.streams.audio[0].codec_context.name in {codec, codec.removesuffix("float")}
    audio = hear(content)
    assert audio.seconds == pytest.approx(request["durationSeconds"], abs=0.1)
    assert 1 < audio.seconds < 10
    check_rules(cloud, path)


def test_a_request_may_bring_its_own_text(cloud: TestCloud, family: Family) -> None:
    own = "Good night, little bear. The moon is shining, and all the stars are singing you to sleep."
    path = family.ask("This is the text of the story, and nobody wants to hear it now.", text=own, format="wav")

    request = family.finished(path)

    audio = hear(cloud.object(request["audioKey"]))
    assert share_heard(own, audio) > 0.4
    assert cloud.job_of(path)["usage"]["characters"] == len(own)
    check_rules(cloud, path)


def test_twice_the_speed_is_about_half_as_long(cloud: TestCloud, family: Family) -> None:
    paths = [family.ask(TEXT, speed=speed) for speed in (1.0, 2.0)]

    usual, quick = (family.finished(path)["durationSeconds"] for path in paths)

    assert 1.6 < usual / quick < 2.4
    check_rules(cloud, *paths)


def test_a_second_narration_is_a_second_version(cloud: TestCloud, family: Family) -> None:
    story_id = family.story()
    first, second = (family.phone.request_audio(story_id, family.voice_id, speed=speed) for speed in (1.0, 1.5))
    requests = [family.finished(path) for path in (first, second)]

    versions = cloud.get(f"stories/{story_id}")["audioVersions"]

    assert {version["id"] for version in versions} == {keys.job_id(first), keys.job_id(second)}
    assert all(before["createdAt"] < after["createdAt"] for before, after in itertools.pairwise(versions))
    url = family.phone.call("getAudioUrl", {"storyId": story_id, "versionId": requests[0]["jobId"]})["url"]
    assert family.phone.download(url) == cloud.object(requests[0]["audioKey"])
    check_rules(cloud, first, second)


def test_a_story_that_was_deleted_meanwhile_leaves_the_request_its_audio(cloud: TestCloud, family: Family) -> None:
    path = family.ask_behind_the_gate()
    family.phone.firestore.document(f"stories/{cloud.get(path)['storyId']}").delete()
    cloud.open_gate()

    request = family.finished(path)

    assert request["status"] == "ready"
    assert cloud.object(request["audioKey"])
    check_rules(cloud, path)
