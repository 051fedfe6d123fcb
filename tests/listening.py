"""Ears for tests: what a speech recogniser hears in a sound.

pocketsphinx is small and old: it hears about two thirds of the words of clear speech (half, where a sentence is short)
and hardly any in anything else. That is what a test needs to tell speech that says the text from noise, silence or
another text.
"""

from __future__ import annotations

import difflib
import functools
import re
import threading
from typing import Any

import pocketsphinx

from gpu_job.audio import Audio

_RATE = 16_000  # Hz, what the recogniser's model was trained at
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_LISTENING = threading.Lock()  # there is one decoder, and it holds the state of one utterance


def words_heard(audio: Audio) -> list[str]:
    """The words that the recogniser hears, in lower case, in order."""
    with _LISTENING:
        decoder = _decoder()
        decoder.start_utt()
        decoder.process_raw(audio.at_rate(_RATE).as_pcm16(), full_utt=True)
        decoder.end_utt()
        heard = decoder.hyp()
    return _WORD.findall(heard.hypstr.lower()) if heard else []


def share_heard(text: str, audio: Audio) -> float:
    """The share of the text's words that are heard, in their order: 0 to 1."""
    said = _WORD.findall(text.lower().replace("’", "'"))
    matcher = difflib.SequenceMatcher(a=said, b=words_heard(audio), autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(said)


@functools.cache
def _decoder() -> Any:
    return pocketsphinx.Decoder(samprate=_RATE, loglevel="FATAL")
