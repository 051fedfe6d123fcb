"""The callables of the mobile app: what a phone needs and cannot get by writing a document.

createUpload {voiceId, contentType, sizeBytes}     → {recordingKey, url, method, headers, expiresAt}
getAudioUrl  {requestId} | {storyId, versionId?}   → {url, expiresAt}

Those that ask for work are in backend.requesting, those that delete in backend.erasing; `answer` answers them all.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from firebase_functions.https_fn import CallableRequest, FunctionsErrorCode, HttpsError
from msgspec import Meta, Struct

from backend import identity, quotas
from backend.services import Services
from jobs import keys, transactions
from jobs.documents import AUDIO_REQUESTS, STORIES, Id, Status, validate
from jobs.errors import FailedPrecondition, Internal, InvalidArgument, NotFound, StoryvoiceError

log = logging.getLogger(__name__)
Fields = dict[str, Any]
_TYPES = ", ".join(sorted(keys.RECORDING_TYPES))
_MEGABYTES = keys.MAX_RECORDING_BYTES // 2**20


class CreateUpload(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    voice_id: Id
    content_type: Annotated[str, Meta(description=f"one of {_TYPES}")]
    size_bytes: Annotated[
        int, Meta(ge=1, le=keys.MAX_RECORDING_BYTES, description=f"the length in bytes, at most {_MEGABYTES} MB")
    ]


class GetAudioUrl(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    request_id: Id | None = None
    story_id: Id | None = None
    version_id: Id | None = None


def answer(
    services: Services,
    request: CallableRequest[Any],
    handle: Callable[[Services, str, Any], Fields],
    *,
    once: bool = False,
    even_if_closed: bool = False,
) -> Fields:
    """Identify the caller, charge the call, handle it; every failure leaves as one of ours in the callable protocol.

    `once`: an App Check token is good for one such call, so that none can be replayed. `even_if_closed`: also for an
    account that is being deleted.
    """
    try:
        user_id = identity.caller(request)
        quotas.charge_call(services.store(), services.settings(), user_id, even_if_closed=even_if_closed)
        if once:
            identity.consume_app_check(request)
        return handle(services, user_id, request.data)
    except StoryvoiceError as error:
        log.info("refused: %s", error.code)
        raise _as_https_error(error) from error
    except Exception as error:
        log.exception("callable failed")
        raise _as_https_error(Internal("Something went wrong on our side. Please try again.")) from error


def create_upload(services: Services, user_id: str, data: Any) -> Fields:
    """A signed PUT for one recording under the user's own prefix; type and length are bound by the signature."""
    wanted = validate(data, CreateUpload)
    extension = keys.RECORDING_TYPES.get(wanted.content_type)
    if extension is None:
        raise InvalidArgument(f"`contentType` must be one of {_TYPES}.")
    key = keys.recording(user_id, wanted.voice_id, secrets.token_hex(8), extension)
    url, expires = services.signer().put(
        key,
        content_type=wanted.content_type,
        size_bytes=wanted.size_bytes,
        seconds=services.settings().upload_url_seconds,
    )
    headers = {"Content-Type": wanted.content_type, "Content-Length": str(wanted.size_bytes)}
    return {"recordingKey": key, "url": url, "method": "PUT", "headers": headers, "expiresAt": _iso(expires)}


def get_audio_url(services: Services, user_id: str, data: Any) -> Fields:
    """A signed GET for a narration: of a request, or of a story's version (the newest if none is named).

    `{url, expiresAt}`; for a request that is still being told `{playlistUrl, expiresAt}`, as soon as its beginning can
    be heard.
    """
    wanted = validate(data, GetAudioUrl)
    if (wanted.request_id is None) == (wanted.story_id is None):
        raise InvalidArgument("Give either `requestId` or `storyId`.")
    if wanted.request_id is not None:
        name, key = _heard_of_request(services, user_id, wanted.request_id)
    else:
        name, key = "url", _key_of_version(services, user_id, str(wanted.story_id), wanted.version_id)
    if not keys.is_own_audio(user_id, key):
        raise NotFound("There is no such narration.")
    url, expires = services.signer().get(key, seconds=services.settings().audio_url_seconds)
    return {name: url, "expiresAt": _iso(expires)}


def _heard_of_request(services: Services, user_id: str, request_id: str) -> tuple[str, str]:
    """What can be heard of it now: the answer's name for it, and its key."""
    request = identity.owned(_read(services, f"{AUDIO_REQUESTS}/{request_id}"), user_id, "audio request")
    if request.get("status") == Status.READY:
        return "url", str(request["audioKey"])
    if request.get("status") == Status.RUNNING and "playlistKey" in request:
        return "playlistUrl", str(request["playlistKey"])
    raise FailedPrecondition("This narration is not ready yet.")


def _key_of_version(services: Services, user_id: str, story_id: str, version_id: str | None) -> str:
    story = identity.owned(_read(services, f"{STORIES}/{story_id}"), user_id, "story")
    versions = [v for v in story.get("audioVersions") or [] if version_id in (None, v.get("id"))]
    if not versions:
        raise NotFound("This story has no such narration.")
    return str(versions[-1]["audioKey"])


def _read(services: Services, path: str) -> Fields | None:
    return transactions.read(services.firestore(), path)


def _as_https_error(error: StoryvoiceError) -> HttpsError:
    code = FunctionsErrorCode(error.code.replace("_", "-"))
    return HttpsError(code, error.message, error.as_document())


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
