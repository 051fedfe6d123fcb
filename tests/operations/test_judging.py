"""What `verify` makes of an object's key, whatever it looks like: nothing that counts is ever called a leftover."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs import keys
from jobs.documents import AUDIO_REQUESTS, VOICE_PROFILES
from operations.verification import LEFT, UNNAMED, Known, _add, _judge

ids = st.sampled_from(["a", "b", "given", "default-x", "1", "-"])
attempts = st.integers(1, 12).map(str)


@given(user=ids, thing=ids, status=st.sampled_from(["queued", "ready", "failed"]), kept=attempts, other=attempts)
def test_only_another_attempt_of_what_has_ended_is_left(
    user: str, thing: str, status: str, kept: str, other: str
) -> None:
    known = Known()
    prefix = keys.narration_of(user, thing, keys.job_id(f"{AUDIO_REQUESTS}/r"))
    request = {"userId": user, "status": status, "storyId": thing, "audioKey": f"{prefix}{kept}/audio.mp3"}
    _add(known, f"{AUDIO_REQUESTS}/r", request, ("audioKey",), thing)
    expected = None if status == "queued" or (status == "ready" and other == kept) else LEFT
    assert _judge(known, f"{prefix}{other}/segment-1.m4s") == expected


@given(st.text(max_size=40) | st.lists(ids | st.just(""), max_size=7).map("/".join))
def test_a_key_of_nobodys_is_never_a_leftover(below: str) -> None:
    known = Known(voices={"a"})
    voice = {"userId": "a", "status": "ready", "profileKey": f"{keys.voices_of('a')}a/j/1/profile.safetensors"}
    _add(known, f"{VOICE_PROFILES}/a", voice, ("profileKey",), "a")
    for root in ("recordings", "voices", "stories", "chunks"):
        assert _judge(known, f"{root}/{below}") in {None, UNNAMED}
