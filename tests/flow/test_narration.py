"""A narration as it is listened to: at once, word by word, in several voices, and never paid for twice."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise
from typing import Any

import av
import httpx
import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Audio, Samples
from gpu_job.narration.tags import COMMENT, iso_639_2
from jobs.documents import FORMATS
from jobs.keys import chunks_of
from tests.cloud import TWO_PIECES, Family, TestCloud
from tests.flow.test_story import TEXT, hear
from tests.listening import share_heard
from tests.rules import check_rules, objects_in, uris_in

Fields = dict[str, Any]
FABLE = (
    "The wind and the sun could not agree which of them was the stronger.\n\n"
    "A traveller came along the road, wrapped in a warm cloak.\n\n"
    "The wind blew as hard as he could, and the traveller held his cloak tight.\n\n"
    "Then the sun shone, and the traveller took off his cloak."
)


def narrated(family: Family, path: str) -> Fields:
    request = family.finished(path)
    assert request["status"] == "ready", request.get("error")
    return request


def refused(family: Family, path: str) -> str:
    request = family.finished(path)
    assert (request["status"], request["error"]["code"]) == ("failed", "invalid_argument")
    message: str = request["error"]["message"]
    return message


def usage(cloud: TestCloud, path: str) -> Fields:
    found: Fields = cloud.job_of(path)["usage"]
    return found


def beside(key: str, name: str) -> str:
    return f"{key.rpartition('/')[0]}/{name}"


def played(cloud: TestCloud, playlist_key: str) -> Audio:
    """What the playlist leads to, as a player has it, without a key to the bucket: what initialises it, then the media,
    end to end."""
    parts = [httpx.get(uri) for uri in uris_in(cloud.object(playlist_key).decode())]
    return hear(b"".join(part.raise_for_status().content for part in parts))


def playlist_as_a_phone_has_it(family: Family, path: str) -> bytes:
    answer = family.phone.call("getAudioUrl", {"requestId": path.partition("/")[2]})
    assert set(answer) == {"playlistUrl", "expiresAt"}
    return family.phone.download(answer["playlistUrl"])


def timed_words(cloud: TestCloud, request: Fields) -> list[Fields]:
    timings = json.loads(cloud.object(request["timingsKey"]))
    return [word for piece in timings["pieces"] for word in piece["words"]]


def source_words(text: str) -> list[str]:
    return re.findall(r"[\w’']+", text)


# ── at once ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_heard_while_it_is_told(cloud: TestCloud, family: Family) -> None:
    """The worker stands still after the first piece; the phone hears that piece, and then the rest after it."""
    cloud.close_gate()
    path = family.ask(TWO_PIECES, format="wav")
    key = family.until_heard(path)

    running = cloud.get(path)
    playlist = cloud.object(key)
    assert running["status"] == "running"
    assert "audioKey" not in running
    assert b"ENDLIST" not in playlist
    init, *segments = objects_in(playlist.decode())
    assert (init, segments[:1]) == ("init.mp4", ["seg_00000.m4s"])
    first = {name: cloud.object(beside(key, name)) for name in [init, *segments]}
    assert playlist_as_a_phone_has_it(family, path) == playlist
    beginning = played(cloud, key)
    assert beginning.seconds > 0.9
    assert np.abs(beginning.samples).max() > 0.05

    cloud.open_gate()
    request = narrated(family, path)

    assert request["playlistKey"] == key
    whole = cloud.object(key)
    assert whole.startswith(playlist)
    assert whole.endswith(b"#EXT-X-ENDLIST\n")
    assert {name: cloud.object(beside(key, name)) for name in first} == first
    stream, file = played(cloud, key), hear(cloud.object(request["audioKey"]))
    assert stream.seconds == pytest.approx(request["durationSeconds"], abs=0.1)
    assert likeness(stream.samples, file.samples) > 0.98
    assert likeness(beginning.samples, file.samples) > 0.98
    check_rules(cloud, path)


def likeness(one: Samples, other: Samples) -> float:
    length = min(len(one), len(other)) - SPEECH_RATE // 20  # a decoder does not know the end of what was cut
    return float(np.corrcoef(one[:length], other[:length])[0, 1])


def test_a_listener_sees_the_playlist_once_it_is_there_and_for_good(cloud: TestCloud, family: Family) -> None:
    cloud.close_gate()
    path = family.ask(TWO_PIECES)
    seen: list[Fields] = []
    for document in family.phone.watch(path, 60):
        seen.append(document)
        if "playlistKey" in document:
            cloud.open_gate()
    has_playlist = ["playlistKey" in document for document in seen]
    assert has_playlist == sorted(has_playlist)
    assert seen[has_playlist.index(True)]["status"] == "running"
    assert len({document["playlistKey"] for document in seen if "playlistKey" in document}) == 1


# ── word by word ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_timings_and_captions_fit_the_sound(cloud: TestCloud, family: Family) -> None:
    text = f"{TEXT}\n\nIt was 3 o’clock."
    path = family.ask(text, format="wav")
    request = narrated(family, path)
    audio = hear(cloud.object(request["audioKey"]))

    timings = json.loads(cloud.object(request["timingsKey"]))
    assert (timings["version"], timings["source"], timings["language"]) == (1, "engine", "en")
    assert timings["seconds"] == request["durationSeconds"] == pytest.approx(audio.seconds, abs=0.01)
    words = timed_words(cloud, request)
    said = [text[word["from"] : word["to"]] for word in words]
    assert [word for each in said for word in source_words(each)] == source_words(text)
    assert all(word["start"] <= word["end"] for word in words)
    assert all(one["end"] <= after["start"] + 0.001 for one, after in pairwise(words))
    assert 0.1 <= words[0]["start"] < 0.4
    assert audio.seconds - 2.0 < words[-1]["end"] <= audio.seconds

    half = next(number for number, word in enumerate(said) if word == "upon")
    before, after = (
        Audio(audio.samples[slice(*each)], audio.rate)
        for each in ((0, int(words[half]["start"] * audio.rate)), (int(words[half]["start"] * audio.rate), None))
    )
    assert share_heard(text[: words[half]["from"]], before) > 0.3
    assert share_heard(text[words[half]["from"] :], after) > 0.3

    captions = cloud.object(request["captionsKey"]).decode()
    assert captions.startswith("WEBVTT\n\n")
    cues = re.findall(r"^([\d:.]+) --> ([\d:.]+)\n((?:.+\n)+)", captions, re.MULTILINE)
    assert " ".join(" ".join(shown.split()) for _, _, shown in cues) == " ".join(text.split())
    moments = [seconds(moment) for start, end, _ in cues for moment in (start, end)]
    assert moments == sorted(moments)
    assert moments[0] == pytest.approx(words[0]["start"], abs=0.002)
    assert seconds(cues[-1][0]) < audio.seconds
    check_rules(cloud, path)


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


# ── never paid for twice ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_story_again_costs_nothing_and_sounds_the_same(cloud: TestCloud, family: Family) -> None:
    requests = []
    for _ in range(2):
        path = family.ask(FABLE, format="flac")
        requests.append((path, narrated(family, path)))

    (first_path, first), (second_path, second) = requests
    assert usage(cloud, first_path)["pieces"] == 4
    assert usage(cloud, first_path)["piecesReused"] == 0
    assert usage(cloud, first_path)["gpuSeconds"] > 0
    again = usage(cloud, second_path)
    assert (again["gpuSeconds"], again["pieces"], again["piecesReused"]) == (0, 4, 4)
    assert cloud.object(second["audioKey"]) == cloud.object(first["audioKey"])
    assert (
        played(cloud, second["playlistKey"]).samples.tobytes() == played(cloud, first["playlistKey"]).samples.tobytes()
    )
    assert cloud.object(second["timingsKey"]) == cloud.object(first["timingsKey"])
    assert cloud.object(second["captionsKey"]) == cloud.object(first["captionsKey"])
    assert len(cloud.keys(chunks_of(family.voice_id))) == 4
    check_rules(cloud, first_path, second_path)


def test_of_a_story_with_one_sentence_changed_that_sentence_is_spoken(cloud: TestCloud, family: Family) -> None:
    story_id = family.story(FABLE)
    first = family.phone.request_audio(story_id, family.voice_id)
    narrated(family, first)
    changed = FABLE.replace("wrapped in a warm cloak", "whistling an old song")
    family.phone.firestore.document(f"stories/{story_id}").update({"text": changed})
    second = family.phone.request_audio(story_id, family.voice_id)
    request = narrated(family, second)

    assert (usage(cloud, second)["pieces"], usage(cloud, second)["piecesReused"]) == (4, 3)
    assert request["quality"]["pieces"] == 1
    assert 0 < usage(cloud, second)["gpuSeconds"] < usage(cloud, first)["gpuSeconds"]
    assert share_heard(changed, hear(cloud.object(request["audioKey"]))) > 0.4
    check_rules(cloud, first, second)


def test_speed_pitch_and_format_are_no_reason_to_speak_again(cloud: TestCloud, family: Family) -> None:
    """Speed and pitch are independent of each other: the pitch is what is asked for, and so is the length."""
    wishes: list[Fields] = [{}, {"speed": 2.0}, {"speed": 0.5}, {"pitch": 5.0}, {"pitch": -5.0, "speed": 1.25}]
    paths = [family.ask(FABLE, format="flac")]
    requests = [narrated(family, paths[0])]
    for wish in wishes[1:]:
        paths.append(family.ask(FABLE, format="wav", **wish))
        requests.append(narrated(family, paths[-1]))
    told = [hear(cloud.object(request["audioKey"])) for request in requests]

    assert all(usage(cloud, path)["piecesReused"] == 4 for path in paths[1:])
    assert all(usage(cloud, path)["gpuSeconds"] == 0 for path in paths[1:])
    for wish, audio in zip(wishes, told, strict=True):
        assert audio.seconds * wish.get("speed", 1.0) == pytest.approx(told[0].seconds, rel=0.05), wish
        assert raised(audio, told[0]) == pytest.approx(2 ** (wish.get("pitch", 0.0) / 12), rel=0.06), wish
    check_rules(cloud, *paths)


def raised(changed: Audio, audio: Audio) -> float:
    """By how much the same words are higher, wherever both are voiced: the median. Of each by itself it would be the
    median of other moments."""
    pitches = zip(pitch_in_order(changed), pitch_in_order(audio), strict=True)
    return float(np.median([one / other for one, other in pitches if one and other]))


def pitch_in_order(audio: Audio, moments: int = 1500) -> list[float]:
    """The fundamental frequency in Hz at moments spread over the whole, by autocorrelation of 40 ms; 0 if unvoiced."""
    size = audio.rate // 25
    lags = range(audio.rate // 350, audio.rate // 60)
    found = []
    for begin in np.linspace(0, len(audio.samples) - size, moments).astype(int):
        frame = audio.samples[begin : begin + size]
        if np.sqrt(np.mean(frame**2)) <= 0.05:
            found.append(0.0)
            continue
        frame = frame - frame.mean()
        correlation = np.correlate(frame, frame, "full")[size - 1 :]
        correlation = correlation / (correlation[0] * (1 - np.arange(size) / size) + 1e-9)
        best = max(lags, key=lambda lag: correlation[lag] - lag / size / 10)
        found.append(audio.rate / best if correlation[best] > 0.7 else 0.0)
    return found


# ── voices ───────────────────────────────────────────────────────────────────────────────────────────────────────────

PLAY = "The pig heard a knock.\n\n[wolf] Open the door, little pig!\n\nBut the pig did not."


def test_a_cast_speaks_in_its_voices(cloud: TestCloud, family: Family) -> None:
    father = family.lend("Dad")
    path = family.ask(PLAY, cast={"Wolf": father})
    request = narrated(family, path)

    pieces = json.loads(cloud.object(request["timingsKey"]))["pieces"]
    assert [piece.get("voice") for piece in pieces] == [None, "Wolf", None]
    assert "<v Wolf>Open the door, little pig!" in cloud.object(request["captionsKey"]).decode()
    assert len(cloud.keys(chunks_of(father))) == 1
    assert len(cloud.keys(chunks_of(family.voice_id))) == 2
    heard = hear(cloud.object(request["audioKey"]))
    assert share_heard(PLAY.replace("[wolf] ", ""), heard) > 0.3
    check_rules(cloud, path)


def test_a_name_without_a_voice_is_refused(cloud: TestCloud, family: Family) -> None:
    path = family.ask(PLAY.replace("[wolf]", "[Bear]"), cast={"Wolf": family.lend("Dad")})
    message = refused(family, path)
    assert "Bear" in message
    assert "Wolf" in message
    check_rules(cloud, path)


def test_a_name_is_said_as_the_family_says_it(cloud: TestCloud, family: Family) -> None:
    """The sentences with the name are spoken anew, and with the words that were written; the others are not."""
    text = "Siobhan went out to play.\n\nThe garden was full of snow.\n\nSiobhan laughed at the snow."
    before = family.ask(text)
    narrated(family, before)
    cloud.admin.document(f"users/{family.user_id}").set({"pronunciations": {"Siobhan": "Shivawn"}})
    path = family.ask(text, format="wav")
    request = narrated(family, path)

    assert (usage(cloud, path)["pieces"], usage(cloud, path)["piecesReused"]) == (3, 1)
    said = [text[word["from"] : word["to"]] for word in timed_words(cloud, request)]
    assert [word for each in said for word in source_words(each)] == source_words(text)
    assert "Siobhan" in cloud.object(request["captionsKey"]).decode()
    assert "Shivawn" not in cloud.object(request["captionsKey"]).decode()
    check_rules(cloud, before, path)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_format_says_what_it_is(cloud: TestCloud, family: Family) -> None:
    """And all hold the same sound, which is spoken once."""
    paths = [family.ask(format=name) for name in FORMATS[:1]]
    requests = [narrated(family, paths[0])]
    for name in FORMATS[1:]:
        paths.append(family.ask(format=name))
        requests.append(narrated(family, paths[-1]))

    files = {name: cloud.object(request["audioKey"]) for name, request in zip(FORMATS, requests, strict=True)}
    for name, file in files.items():
        assert hear(file).seconds == pytest.approx(requests[0]["durationSeconds"], abs=0.1), name
        tags = tags_of(file)
        assert (tags["title"], tags["artist"], tags["comment"]) == ("A story", "Mum", COMMENT), name
        assert tags["language"] in {"en", iso_639_2("en")}, name
    assert len(cloud.keys(chunks_of(family.voice_id))) == 1
    check_rules(cloud, *paths)


def tags_of(file: bytes) -> dict[str, str]:
    with av.open(io.BytesIO(file), "r") as container:
        found = {**container.streams.audio[0].metadata, **container.metadata}
    return {name.lower(): text for name, text in found.items()}


# ── what cannot be told, and what could have been told better ────────────────────────────────────────────────────────


def test_a_text_in_another_language_is_refused(cloud: TestCloud, family: Family) -> None:
    german = (
        "Es war einmal ein kleines Mädchen, das wohnte mit seiner Großmutter in einem Haus am Rande des Waldes. "
        "Eines Tages ging es in den Wald, und da kam ihm der Wolf entgegen."
    )
    path = family.ask(german)
    message = refused(family, path)
    assert "looks like German" in message
    assert "en, English" in message
    check_rules(cloud, path)


@pytest.mark.parametrize("text", ["?!", "🦁🐭", "\u200f\u202e", "***"])
def test_nothing_to_say_is_refused(cloud: TestCloud, family: Family, text: str) -> None:
    assert "nothing that can be spoken" in refused(family, family.ask(text))


def test_a_language_that_the_voice_does_not_speak_is_refused(cloud: TestCloud, family: Family) -> None:
    path = family.ask(language="de")
    assert "This voice speaks en" in refused(family, path)
    check_rules(cloud, path)


def test_the_request_says_how_good_it_is(cloud: TestCloud, family: Family) -> None:
    path = family.ask(FABLE)
    quality = narrated(family, path)["quality"]
    assert set(quality) == {"pieces", "retaken", "flawed", "faults"}
    assert quality["pieces"] == 4
    assert quality["flawed"] == len(quality["faults"]) <= quality["retaken"] <= 1  # the embedded voice errs seldom
    check_rules(cloud, path)
