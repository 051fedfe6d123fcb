"""Untrusted recordings: what is good is decoded and measured; each way to be bad has its own sentence."""

from __future__ import annotations

import functools
import os
import struct
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_job.audio import SPEECH_RATE, Audio, Samples
from gpu_job.narration.encoding import AudioWriter
from gpu_job.recordings import Limits, decode, examine
from jobs.errors import Internal, InvalidRecording

ASSETS = Path(__file__).parents[2] / "assets"

WRONG_TYPE = "not a recording that we can read"
DAMAGED = "damaged"


@functools.cache
def speech() -> Samples:
    """The recording that ships with the project."""
    return decode(ASSETS / "recording.flac").samples


def wav(
    samples: Samples, *, rate: int = SPEECH_RATE, channels: int = 1, tag: int = 3, size: int | None = None
) -> bytes:
    """A WAV file of 32-bit floats (`tag` 3), or whatever else its header is told to say."""
    data = samples.astype("<f4").tobytes()
    stated = len(data) if size is None else size
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * 4 % 2**32, channels * 4 % 2**16, 32)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", stated % 2**32) + data
    return b"RIFF" + struct.pack("<I", (stated + 36) % 2**32) + body


def encoded(path: Path, container: str, codec: str, samples: Samples, rate: int, **options: Any) -> Path:
    with av.open(str(path), "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=rate, layout="mono", **options)
        frame = av.AudioFrame.from_ndarray(Audio(samples, SPEECH_RATE).at_rate(rate).samples[None, :], "fltp", "mono")
        frame.sample_rate = rate
        for each in (frame, None):
            for packet in stream.encode(each):
                file.mux(packet)
    return path


def placed(tmp_path: Path, data: bytes, name: str = "recording.mp3") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("format_name", ["mp3", "m4a", "opus", "flac", "wav"])
def test_the_formats_of_phones_are_decoded(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / "recording"  # without an extension: the content decides
    with AudioWriter(path, format_name) as writer:
        writer.write(speech())
    decoded = decode(path)
    assert decoded.rate == SPEECH_RATE
    assert decoded.seconds == pytest.approx(len(speech()) / SPEECH_RATE, abs=0.05)
    assert np.sqrt(np.mean(decoded.samples**2)) == pytest.approx(np.sqrt(np.mean(speech() ** 2)), rel=0.05)


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [("webm", "libopus", 48_000), ("adts", "aac", 44_100), ("3gp", "aac", 16_000), ("aiff", "pcm_s16be", 8_000)],
)
def test_so_are_those_of_browsers_and_old_phones(tmp_path: Path, container: str, codec: str, rate: int) -> None:
    path = encoded(tmp_path / "recording", container, codec, speech(), rate)
    assert decode(path).seconds == pytest.approx(len(speech()) / SPEECH_RATE, abs=0.1)


def test_stereo_becomes_mono(tmp_path: Path) -> None:
    path = placed(tmp_path, wav(np.repeat(speech(), 2), channels=2))
    np.testing.assert_allclose(decode(path).samples, speech(), atol=1e-4)


def test_a_good_recording_is_measured() -> None:
    noisy = speech() + np.random.default_rng(1).normal(0.0, 0.001, len(speech())).astype(np.float32)
    quality = examine(Audio(noisy, SPEECH_RATE))
    assert quality.seconds == pytest.approx(len(noisy) / SPEECH_RATE)
    assert 6.0 < quality.speech_seconds < quality.seconds
    assert -25.0 < quality.level_dbfs < -15.0
    assert 30.0 < quality.snr_db < 45.0  # the noise lies at -60 dBFS
    assert quality.clipping_share == 0.0
    assert quality.as_document().keys() == {"seconds", "speechSeconds", "levelDbfs", "clippingShare", "snrDb"}


def test_clipping_is_measured() -> None:
    assert examine(Audio(np.clip(speech() * 8, -1, 1).astype(np.float32), SPEECH_RATE)).clipping_share > 0.01


def test_nothing_but_silence_is_silent(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecording, match="is silent"):
        examine(decode(placed(tmp_path, wav(np.zeros(5 * SPEECH_RATE, np.float32)))))


@pytest.mark.parametrize("kind", ["two seconds of speech", "a tone", "noise"])
def test_too_little_speech(kind: str) -> None:
    sounds = {
        "two seconds of speech": speech()[: 2 * SPEECH_RATE],
        "a tone": (0.3 * np.sin(np.arange(8 * SPEECH_RATE) * 0.1)).astype(np.float32),
        "noise": np.random.default_rng(1).normal(0, 0.1, 8 * SPEECH_RATE).astype(np.float32),
    }
    with pytest.raises(InvalidRecording, match=r"Only \d\.\d s of speech .* at least 3 s"):
        examine(Audio(sounds[kind], SPEECH_RATE))


def test_samples_that_are_not_numbers(tmp_path: Path) -> None:
    for bad in (np.nan, np.inf):
        samples = speech().copy()
        samples[1_000] = bad
        with pytest.raises(InvalidRecording, match="not numbers"):
            decode(placed(tmp_path, wav(samples)))
        with pytest.raises(InvalidRecording, match="not numbers"):
            examine(Audio(samples, SPEECH_RATE))


def test_a_second_more_than_five_minutes(tmp_path: Path) -> None:
    path = encoded(tmp_path / "long.wav", "wav", "pcm_s16le", np.zeros(301 * SPEECH_RATE, np.float32), 8_000)
    with pytest.raises(InvalidRecording, match="longer than 5 minutes"):
        decode(path)


def test_a_file_of_more_than_fifty_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    with path.open("wb") as file:
        file.truncate(50_000_001)  # sparse: takes no disk
    with pytest.raises(InvalidRecording, match="larger than 50 MB"):
        decode(path)


def test_zero_bytes(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecording, match="is empty"):
        decode(placed(tmp_path, b""))


def test_a_header_without_sound(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecording, match=r"is empty|damaged"):
        decode(placed(tmp_path, wav(np.zeros(0, np.float32))))


def test_text_and_pictures_are_not_recordings(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(200)
    for data in (b"Once upon a time there was a fox.\n" * 100, png, b"<html><body>no</body></html>", bytes(5_000)):
        with pytest.raises(InvalidRecording, match=WRONG_TYPE):
            decode(placed(tmp_path, data))


def test_a_film_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for each in (av.VideoFrame(64, 64, "yuv420p"), None):
            file.mux(stream.encode(each))
    with pytest.raises(InvalidRecording, match="no sound in it"):
        decode(path)


@pytest.mark.parametrize("format_name", ["mp3", "m4a", "flac", "opus", "wav"])
def test_truncated_headers(tmp_path: Path, format_name: str) -> None:
    whole = tmp_path / "whole"
    with AudioWriter(whole, format_name) as writer:
        writer.write(speech())
    with pytest.raises(InvalidRecording):
        decode(placed(tmp_path, whole.read_bytes()[:30]))


def test_a_recording_whose_end_is_missing_is_one(tmp_path: Path) -> None:
    for format_name in ("mp3", "flac", "opus"):
        whole = tmp_path / "whole"
        with AudioWriter(whole, format_name) as writer:
            writer.write(speech())
        data = whole.read_bytes()
        assert decode(placed(tmp_path, data[: len(data) * 2 // 3])).seconds > 4.0


def test_a_header_that_lies(tmp_path: Path) -> None:
    promised = decode(placed(tmp_path, wav(speech(), size=2**32 - 100)))
    assert promised.seconds == pytest.approx(len(speech()) / SPEECH_RATE, abs=0.01)
    for lies in ({"rate": 1}, {"rate": 2**31}, {"channels": 200}, {"rate": 0}, {"channels": 0}):
        with pytest.raises(InvalidRecording):
            decode(placed(tmp_path, wav(speech()[:4_000], **lies)))


def test_a_codec_that_is_not_on_the_list(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecording, match=r"can read|damaged"):
        decode(placed(tmp_path, wav(speech()[:4_000], tag=0x0161)))  # Windows Media Audio


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{target}'\n",
        "{target}\n",
        "[playlist]\nFile1={target}\n",
    ],
)
def test_a_playlist_cannot_make_us_read_another_file(tmp_path: Path, playlist: str) -> None:
    text = playlist.format(target=ASSETS / "recording.flac")
    with pytest.raises(InvalidRecording, match=WRONG_TYPE):
        decode(placed(tmp_path, text.encode()))


def test_a_decoder_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_job.recordings._COMMAND", ("-c", "import time; time.sleep(60)"))
    started = time.monotonic()
    with pytest.raises(InvalidRecording, match="too much time or memory"):
        decode(placed(tmp_path, wav(speech())), limits=Limits(wall_seconds=0.3))
    assert time.monotonic() - started < 5.0


def test_cpu_time_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = "from gpu_job.decoding import *\nconfine(Limits(cpu_seconds=1))\nwhile True: pass"
    monkeypatch.setattr("gpu_job.recordings._COMMAND", ("-c", busy))
    with pytest.raises(InvalidRecording, match="too much time or memory"):
        decode(placed(tmp_path, wav(speech())))


def test_a_child_that_says_too_much_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 16))"
    monkeypatch.setattr("gpu_job.recordings._COMMAND", ("-c", endless))
    with pytest.raises((InvalidRecording, Internal)):
        decode(placed(tmp_path, wav(speech())), limits=Limits(wall_seconds=2.0))


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Five minutes of silence are a few kB of FLAC and 29 MB of samples; here they may not have them."""
    path = tmp_path / "silence.flac"
    with AudioWriter(path, "flac") as writer:
        writer.write(np.zeros(290 * SPEECH_RATE, np.float32))
    floor = _least_memory_for(placed(tmp_path, wav(speech()[:SPEECH_RATE])))
    with pytest.raises(InvalidRecording, match=r"too much time or memory|made the decoder fail"):
        decode(path, limits=Limits(memory_bytes=floor + 20_000_000))


def _least_memory_for(path: Path) -> int:
    """What the child needs on this machine before it has decoded anything worth mention, in steps of 32 MB."""
    for megabytes in range(160, 1_000, 32):
        try:
            decode(path, limits=Limits(memory_bytes=megabytes * 1_000_000))
        except (InvalidRecording, Internal):
            continue
        return megabytes * 1_000_000
    raise AssertionError("the child needs more than 1 GB")


def test_a_decoder_that_crashes_takes_nothing_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_job.recordings._COMMAND", ("-c", "import os; os.abort()"))
    with pytest.raises(InvalidRecording, match="made the decoder fail"):
        decode(placed(tmp_path, wav(speech())))


def test_a_child_that_cannot_start_is_our_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_job.recordings._COMMAND", ("-m", "gpu_job.no_such_module"))
    with pytest.raises(Internal):
        decode(placed(tmp_path, wav(speech())))


def test_the_child_does_not_see_our_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", "secret")
    seen = tmp_path / "seen"
    script = f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(repr(dict(os.environ)))"
    monkeypatch.setattr("gpu_job.recordings._COMMAND", ("-c", script))
    decode(placed(tmp_path, wav(speech())))
    assert "PYTHONPATH" in seen.read_text()
    assert "secret" not in seen.read_text()
    assert "R2_SECRET_ACCESS_KEY" in os.environ


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["wav", "m4a", "mp3", "opus"]), st.integers(0, 2_000), st.binary(min_size=1, max_size=40))
def test_damage_ends_in_sound_or_a_sentence(tmp_path: Path, format_name: str, at: int, noise: bytes) -> None:
    whole = tmp_path / "whole"
    with AudioWriter(whole, format_name) as writer:
        writer.write(speech()[:SPEECH_RATE])
    data = whole.read_bytes()
    try:
        decoded = decode(placed(tmp_path, data[:at] + noise + data[at + len(noise) :]))
    except InvalidRecording:
        return
    assert np.isfinite(decoded.samples).all()
    assert 0 < decoded.seconds <= Limits().max_seconds
