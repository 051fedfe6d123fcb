"""A user's voices, as a caller of the HTTP API names and sees them.

A voice is named by its id, or by the name that it was given: the first system's callers make a voice `voice_myid` and
ask for stories in `voice_myid`. Where two have the name, the newest that is ready is meant.
"""

from __future__ import annotations

from typing import Any

from google.cloud.firestore_v1.base_query import FieldFilter

from backend import listing
from backend.admission import DEFAULT_VOICE_NAME, require_ready
from backend.listing import Page
from backend.services import Services
from jobs import keys, transactions
from jobs.documents import VOICE_PROFILES, Status
from jobs.errors import NotFound

Fields = dict[str, Any]
_NAMESAKES = 20
_SHOWN = ("name", "language", "isKidsVoice", "status", "clones", "sampleKey", "profileKey")
_GONE = frozenset({Status.FAILED, Status.CANCELLED})


def find(services: Services, user_id: str, voice_id: str) -> tuple[str, Fields]:
    """The id and the fields of the user's voice of this id or name. Raises NotFound."""
    found = None
    if keys.is_usable_id(voice_id):
        found = transactions.read(services.firestore(), f"{VOICE_PROFILES}/{voice_id}")
    if found is not None and found.get("userId") == user_id:
        return voice_id, found
    named = services.firestore().collection(VOICE_PROFILES).where(filter=FieldFilter("userId", "==", user_id))
    query = named.where(filter=FieldFilter("name", "==", voice_id)).limit(_NAMESAKES)
    found_by_name: list[Any] = transactions.call(list, query.stream())
    namesakes = [(each.id, each.to_dict()) for each in found_by_name]
    if not namesakes:
        raise NotFound("There is no such voice.")
    return max(namesakes, key=lambda each: (each[1].get("status") == Status.READY, each[1]["createdAt"]))


def spoken_by(services: Services, user_id: str, voice_id: str) -> str:
    """The id to ask for a story with: as `find`, and `default` for the built-in voice."""
    return voice_id if voice_id == keys.DEFAULT_VOICE else find(services, user_id, voice_id)[0]


def file_of(services: Services, user_id: str, voice_id: str, field: str) -> str:
    """The key of a voice's `profileKey` or `sampleKey`. Raises NotFound, FailedPrecondition while it is being made."""
    if voice_id == keys.DEFAULT_VOICE:
        raise NotFound("The built-in voice has no files of its own.")
    _, voice = find(services, user_id, voice_id)
    require_ready(voice)
    key = str(voice.get(field, ""))
    if not key.startswith(keys.voices_of(user_id)):
        raise NotFound("This voice has no such file.")
    return key


def listed(
    services: Services,
    user_id: str,
    *,
    limit: int,
    cursor: str | None,
    language: str | None = None,
    is_kids_voice: bool | None = None,
) -> Page:
    """The user's voices, those being made among them, after the built-in one where there is one."""

    def keep(voice: Fields) -> bool:
        return (
            voice.get("status") not in _GONE
            and language in (None, voice.get("language"))
            and is_kids_voice in (None, voice.get("isKidsVoice"))
        )

    page = listing.page(services, VOICE_PROFILES, user_id, fields=_SHOWN, limit=limit, cursor=cursor, keep=keep)
    built_in = default_voice(services)
    if cursor is None and built_in is not None and keep(built_in):
        return Page([(keys.DEFAULT_VOICE, built_in), *page.items], page.next_cursor)
    return page


def default_voice(services: Services) -> Fields | None:
    """As the fields of a document, which it is not."""
    settings = services.settings()
    if not settings.default_voice:
        return None
    return {
        "name": DEFAULT_VOICE_NAME,
        "language": settings.default_voice_language,
        "isKidsVoice": False,
        "status": Status.READY,
        "clones": False,
    }
