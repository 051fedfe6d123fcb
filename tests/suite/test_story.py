"""The story on the official Firebase Emulator Suite: the same tests as on the local cloud, unchanged.

`STORYVOICE_CLOUD=suite ./dev test tests/flow tests/phone` runs all of them there.
"""

from __future__ import annotations

import os

import pytest

from tests.api.test_client import test_a_whole_visit
from tests.flow.test_callables import test_who_is_not_known_is_refused
from tests.flow.test_story import test_a_recording_becomes_a_voice, test_a_story_is_heard
from tests.phone.test_phone import sdk, test_a_story_from_recording_to_audio

__all__ = [
    "sdk",
    "test_a_recording_becomes_a_voice",
    "test_a_story_from_recording_to_audio",
    "test_a_story_is_heard",
    "test_a_whole_visit",
    "test_who_is_not_known_is_refused",
]

pytestmark = pytest.mark.skipif(
    os.environ.get("STORYVOICE_WITHOUT_NODE") == "1", reason="STORYVOICE_WITHOUT_NODE=1 leaves out what needs Node"
)
