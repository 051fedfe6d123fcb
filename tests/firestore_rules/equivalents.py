"""Mutants that change nothing, by the end of their names, each with the reason."""

from __future__ import annotations

import re

from tests.firestore_rules.mutants import Mutant

_NO_NEW_DOCUMENT = "Reading and deleting know no request.resource, so the condition cannot be evaluated."
_NO_OLD_DOCUMENT = "While a document is created there is no resource yet, so the condition cannot be evaluated."
_NO_PATH = (
    "`get` takes no id with a slash for a path, and finds nothing under any other that is none (on the emulator)."
)

EQUIVALENTS = {
    r"grant `create` for `create, (get|list|delete)`": _NO_NEW_DOCUMENT,
    r"grant `update` for `update, (get|list|delete)`": _NO_NEW_DOCUMENT,
    r"grant `create, update` for `create, update, (get|list|delete)`": _NO_NEW_DOCUMENT,
    r"grant `get, delete` for `get, delete, list`": "A query is about every user's document, so denied.",
    r"pattern `\{1,40\}` for `\{0,40\}`": "No key of a map is empty.",
    r"grant `(update|read|read, delete)` for `.*, create`": _NO_OLD_DOCUMENT,
    r"drop `request.auth != null &&`": "Without a user there is no uid, so the next condition cannot be evaluated.",
    r"drop `value is number &&`": "Nothing else can be compared with a number; it is there to be read.",
    r"pattern `\{1,128\}` for `\{0,128\}` in `return value\.matches": "No document and no user has an empty id.",
    r"document `request\.` in `return isOwner\( … resource\.data\)": "The last condition leaves userId as it was.",
    r"drop `&& isId\(data\.storyId\)`": _NO_PATH,
    r"drop `&& isId\(data\.voiceId\)`": _NO_PATH,
}


def explanation(mutant: Mutant) -> str | None:
    """The entry of EQUIVALENTS that the mutant falls under."""
    return next((pattern for pattern in EQUIVALENTS if re.search(f"^\\d+: {pattern}", mutant.name)), None)
