"""gpu_job/ffmpeg.sh builds what the worker uses of FFmpeg, and no more."""

from __future__ import annotations

import re

from gpu_job.decoding import CODECS, CONTAINERS
from gpu_job.narration.encoding import FORMATS
from tests.container.dockerfile import ROOT

SCRIPT = (ROOT / "gpu_job" / "ffmpeg.sh").read_text()
AT_HAND = {"mp4", "flac"}  # narration/segments.py's header, gpu_job/chunks.py's pieces
SOURCES = [path.read_text() for path in (ROOT / "gpu_job").rglob("*.py")]


def listed(name: str) -> set[str]:
    lines = re.findall(rf"^{name}\+?=(\S+)$", SCRIPT, re.MULTILINE)
    assert lines, name
    return {item for line in lines for item in line.strip(",").split(",")}


def test_every_recording_that_is_taken_can_be_decoded_and_no_other() -> None:
    assert listed("decoders") == CODECS
    assert listed("demuxers") == set(CONTAINERS) - {"webm"}, "webm is matroska's demuxer under another name"


def test_every_format_can_be_made_and_listened_to_again() -> None:
    assert listed("encoders") == {made.codec for made in FORMATS.values()}
    assert listed("muxers") == {made.container for made in FORMATS.values()} | AT_HAND
    decoders = {"libmp3lame": "mp3float", "libopus": "opus"}
    assert {decoders.get(made.codec, made.codec) for made in FORMATS.values()} <= listed("decoders")


def test_every_filter_and_file_format_that_the_code_names_is_there() -> None:
    named = {name for source in SOURCES for name in re.findall(r"graph\.add\(\"(\w+)\"", source)}
    assert named
    assert named <= listed("filters")
    formats = {name for source in SOURCES for name in re.findall(r"av\.open\([^)]*\bformat=\"(\w+)\"", source)}
    assert formats == AT_HAND


def test_nothing_in_it_is_gpl() -> None:
    assert not re.search(r"--enable-(gpl|nonfree|libx26\d|version3)", SCRIPT)
    assert "CONFIG_GPL 0" in SCRIPT
