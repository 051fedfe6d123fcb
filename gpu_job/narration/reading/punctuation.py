"""What punctuation does to the voice.

Only what gives speech its melody is handed on, in the one form that engines speak well. Heard with piper (espeak-ng):
"…" and an em dash make it run two words into one ("Wait… what" becomes "waitwhat"), a bracket makes no pause, and
quotes do nothing. Chatterbox's own front end turns "…", ";", ":" and " - " into commas. So

    … in mid-sentence, — – ( )    ,        … at the end    .        ?! ?? !?    ?        !!!    !        “ ” [ ]
    nothing
"""

from __future__ import annotations

import re

MARKS = frozenset(".,;:!?。，、；：！？،؛؟।॥·")

PAUSES = ",;:.!?…—–،؛؟。！？、，；：।"
"""At these a voice pauses."""
ENDS_CLAUSE = re.compile(rf"[{PAUSES}][\"'”’»)\]]*\s*$")

# (strength, said as): the strongest of a run counts.
_MELODY = {
    **dict.fromkeys("?？؟", 9),
    **dict.fromkeys("!！¡", 8),
    **dict.fromkeys(".。।॥．｡", 6),
    **dict.fromkeys(":：", 5),
    **dict.fromkeys(";；؛", 4),
    **dict.fromkeys(",，、،", 3),
    **dict.fromkeys("—–―⸺()", 2),
}
_ELLIPSIS = re.compile(r"…|\.{2,}|\. ?\.|。{2,}")
_FULL_WIDTH = dict(zip(".,;:!?", "。，；：！？", strict=True))
_NORMAL = {"¡": "!", "．": ".", "｡": "。", "॥": "।"}


def melody(run: str, *, ends: bool, language: str) -> str:
    """The mark that the voice should make of a run of punctuation; empty where it makes none.

    `ends`: nothing follows, or what follows begins a sentence.
    """
    inverted_only = not set(run) - set("¡¿\"'")
    if inverted_only:
        return ""
    strongest = max(run, key=lambda mark: _MELODY.get(mark, 0))
    if _MELODY.get(strongest, 0) <= 6 and _ELLIPSIS.search(run):
        strongest = "." if ends else ","
    elif language == "el" and strongest == ";":
        strongest = "?"  # the Greek question mark
    elif strongest in "—–―⸺()":
        strongest = ","
    elif _MELODY.get(strongest, 0) == 0:
        return "," if run == " - " else ""
    strongest = _NORMAL.get(strongest, strongest)
    return _FULL_WIDTH.get(strongest, strongest) if language in {"zh", "ja"} else strongest


def strength(mark: str) -> int:
    return _MELODY.get(mark, 0)
