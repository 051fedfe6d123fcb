"""`requests`: what users have asked for, and how it stands. Never the text of a story."""

from __future__ import annotations

from argparse import Namespace

from backend.services import Services
from jobs.documents import AUDIO_REQUESTS, VOICE_PROFILES
from operations import reading
from operations.results import Fields, Record, Result, Rows

COLUMNS = ("path", "status", "userId", "createdAt", "jobId", "error")
_READ = ("status", "userId", "createdAt", "jobId", "error")
# What users wrote or said, and what opens a file to whoever has it.
_PRIVATE = frozenset({"text", "consent", "name", "audioUrl", "playlistUrl", "cast"})
_COLLECTIONS = {"voices": VOICE_PROFILES, "narrations": AUDIO_REQUESTS}


def list_requests(services: Services, given: Namespace) -> Result:
    equal = {"userId": given.user, "status": given.status}
    wanted = [_COLLECTIONS[given.of]] if given.of else list(_COLLECTIONS.values())
    rows = [
        {"path": f"{collection}/{name}", **fields, "error": (fields.get("error") or {}).get("code")}
        for collection in wanted
        for name, fields in reading.find(services, collection, equal, _READ, "createdAt")
    ]
    rows.sort(key=lambda row: str(row.get("createdAt", "")), reverse=True)
    more = f"{len(rows) - given.limit} more; --limit shows them." if len(rows) > given.limit else ""
    return Rows(COLUMNS, rows[: given.limit], more)


def show_request(services: Services, given: Namespace) -> Result:
    path = reading.request_path(given.request)
    found = reading.get(services, path)
    shown: Fields = {name: value for name, value in sorted(found.items()) if name not in _PRIVATE}
    hidden = sorted(_PRIVATE & found.keys())
    return Record({"path": path, **shown, **({"not shown": hidden} if hidden else {})})
