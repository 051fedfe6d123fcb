"""Deleting a voice or an account, with everything that was made of it.

What a user sees goes first, in one commit that also writes down what is left to be done; files follow:

    deleteVoice    ── store.erase ─────────▶ narrations in it ─▶ its files ─▶ erased … until lastLookAt ─▶ last look
                   voice gone, job cancelled   store.erase each                └ reconcile, dueAt
                   erasures/{id} remembers     └ and their files

    deleteAccount  ── erasures/{id}, receipt, quota closed ─▶ sign-in ─▶ jobs, documents, voices, files ─▶ receipt done

So nothing half deleted can be used: no document names it any more. Whoever dies on the way, the erasure is found again,
by the same call or by reconcile when it is due, and everything in it may be done twice. And it is done twice: an ID
token, a signed upload or a worker in mid-upload outlives the deletion by up to an hour, so when none of them can be
left, reconcile looks once more, and only then forgets the erasure. Until then its id cannot be used again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from google.api_core import exceptions as google_errors
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from msgspec import Struct, structs

from backend import cancelling, identity, storage
from backend.services import Services
from jobs import keys, transactions
from jobs.documents import (
    ACCOUNT_NAMES,
    ACCOUNTS,
    AUDIO_REQUESTS,
    ERASURES,
    IDEMPOTENCY_KEYS,
    JOBS,
    QUOTAS,
    RECEIPTS,
    REFRESH_TOKENS,
    STORIES,
    USERS,
    VOICE_PROFILES,
    Id,
    validate,
)
from jobs.errors import Conflict, NotFound, RetryableError, StoryvoiceError
from jobs.model import HEAD_FIELDS, Job
from jobs.values import plain

log = logging.getLogger(__name__)
Fields = dict[str, Any]
Kind = Literal["voice", "narration", "account"]
BATCH = 100
CARRY_ON_SECONDS = 40.0  # at a time: Firebase's SDKs wait 70 s for a callable
HELD = timedelta(minutes=2)  # how long whoever has begun is left alone
TOKEN_LIFETIME = timedelta(hours=1)  # of an ID token, which nobody can shorten
LATE = timedelta(minutes=30)  # for uploads and workers that were under way then
RECEIPT_KEPT = timedelta(days=3 * 365)
_TIMES = ("requestedAt", "completedAt")


class DeleteVoice(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    voice_id: Id


class DeleteNarration(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    request_id: Id


class DeleteAccount(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class Erasure(Struct, frozen=True, kw_only=True, rename="camel"):
    """`erasures/{id}`, server only: what was at `path` is gone, what lies under `prefixes` has to go.

    Before `due_at` it is somebody's work already; after `last_look_at` nothing can write there any more.
    """

    id: str
    kind: Kind
    path: str
    user_id: str
    prefixes: tuple[str, ...]
    due_at: datetime
    last_look_at: datetime
    part_of: str = ""  # the erasure of the voice that a narration was told in
    receipt_id: str = ""  # of the account that is deleted: it counts the files

    def to_document(self) -> Fields:
        fields: Fields = msgspec.to_builtins(self, builtin_types=(datetime,))
        del fields["id"]
        return {**fields, "prefixes": list(self.prefixes)}

    @classmethod
    def from_document(cls, erasure_id: str, fields: Fields) -> Erasure:
        return msgspec.convert({**plain(fields), "id": erasure_id}, cls)


# ── the calls ────────────────────────────────────────────────────────────────────────────────────────────────────────


def delete_voice(services: Services, user_id: str, data: Any) -> Fields:
    """{voiceId} → {voiceId, erased}. Not `erased`: it is out of sight, and what is left goes within minutes."""
    voice_id = validate(data, DeleteVoice).voice_id
    try:
        erasure = _voice(services, user_id, voice_id)
        _hide(services, erasure)
    except NotFound:
        raise NotFound("There is no such voice.") from None
    return {"voiceId": voice_id, "erased": _carry_on_for_caller(services, erasure.id)}


def delete_narration(services: Services, user_id: str, data: Any) -> Fields:
    """{requestId} → {requestId, erased}. A text that was told without being anybody's story goes with it."""
    request_id = validate(data, DeleteNarration).request_id
    path = f"{AUDIO_REQUESTS}/{request_id}"
    asked = _get(services, path) or {}
    if asked.get("userId") == user_id:
        _forget_own_story(services, asked)
    erasure = _narration(services, user_id, path, str(asked.get("storyId", "")))
    try:
        _hide(services, erasure)
    except NotFound:
        raise NotFound("There is no such narration.") from None
    return {"requestId": request_id, "erased": _carry_on_for_caller(services, erasure.id)}


def delete_account(services: Services, user_id: str, data: Any) -> Fields:
    """{} → {receiptId, requestedAt, completedAt?, erased{}}. Without `completedAt` the rest goes within minutes."""
    validate(data, DeleteAccount)
    erasure, receipt_id = _begin(services, _account(services, user_id))
    _carry_on_for_caller(services, erasure)
    receipt = _get(services, f"{RECEIPTS}/{receipt_id}") or {}
    times = {name: receipt[name].isoformat(timespec="seconds") for name in _TIMES if name in receipt}
    return {"receiptId": receipt_id, **times, "erased": receipt.get("erased", {})}


# ── going on with one ────────────────────────────────────────────────────────────────────────────────────────────────


def carry_on(services: Services, erasure_id: str) -> bool:
    """Do all that is left of an erasure, or as much as there is time for; whether it is done. Raises what doing it
    again may mend."""
    found = _get(services, f"{ERASURES}/{erasure_id}")
    if found is None:
        return True
    erasure = Erasure.from_document(erasure_id, found)
    over = time.monotonic() + CARRY_ON_SECONDS
    for _ in _STEPS[erasure.kind](services, erasure):
        if time.monotonic() > over:
            return False
    _settle(services, erasure)
    return True


def _carry_on_for_caller(services: Services, erasure_id: str) -> bool:
    """What cannot be done now is not the caller's trouble: it is out of sight, and reconcile goes on with it."""
    try:
        return carry_on(services, erasure_id)
    except RetryableError as error:
        log.warning("an erasure is left to reconcile: %s", error.code, exc_info=True)
        return False


def _settle(services: Services, erasure: Erasure) -> None:
    """Nothing is left. Look once more when nothing can come in any more, and then forget it."""
    reference = services.firestore().document(f"{ERASURES}/{erasure.id}")
    if services.store().clock() < erasure.last_look_at:
        # A narration that was never admitted has left nothing to remember.
        with contextlib.suppress(google_errors.NotFound):
            transactions.call(reference.update, {"dueAt": erasure.last_look_at})
        return
    if erasure.kind == "account":
        transactions.call(services.firestore().document(f"{QUOTAS}/{erasure.user_id}").delete)
    transactions.call(reference.delete)


# ── what has to go ───────────────────────────────────────────────────────────────────────────────────────────────────


def _voice(services: Services, user_id: str, voice_id: str) -> Erasure:
    path = f"{VOICE_PROFILES}/{voice_id}"
    # Under another id, which only an administrator can have written, nothing was ever made.
    prefixes = keys.everything_of_voice(user_id, voice_id) if keys.is_id(voice_id) else ()
    # The recording that it was made of may have been uploaded for another voice.
    recording = str((_get(services, path) or {}).get("recordingKey", ""))
    if keys.is_own_recording(user_id, recording) and not recording.startswith(prefixes):
        prefixes = (*prefixes, recording)
    return _erasure(services, "voice", path, user_id, prefixes)


def _narration(services: Services, user_id: str, path: str, story_id: str, part_of: str = "") -> Erasure:
    known = keys.is_id(story_id)  # what an administrator wrote past the rules was never admitted, and has no files
    prefixes = (keys.narration_of(user_id, story_id, keys.job_id(path)),) if known else ()
    return structs.replace(_erasure(services, "narration", path, user_id, prefixes), part_of=part_of)


def _account(services: Services, user_id: str) -> Erasure:
    erasure = _erasure(services, "account", f"{USERS}/{user_id}", user_id, keys.everything_of_user(user_id))
    return structs.replace(erasure, receipt_id=secrets.token_hex(16))


def _erasure(services: Services, kind: Kind, path: str, user_id: str, prefixes: tuple[str, ...]) -> Erasure:
    now = services.store().clock()
    upload = timedelta(seconds=services.settings().upload_url_seconds)
    return Erasure(
        id=keys.erasure_id(path),
        kind=kind,
        path=path,
        user_id=user_id,
        prefixes=prefixes,
        due_at=now + HELD,
        last_look_at=now + TOKEN_LIFETIME + upload + LATE,
    )


# ── voices and narrations ────────────────────────────────────────────────────────────────────────────────────────────


def _hide(services: Services, erasure: Erasure) -> None:
    """Delete the document, and stop what still works on it. Raises NotFound."""
    cancelled = services.store().erase(erasure.path, erasure.user_id, erasure.to_document())
    if cancelled is not None:
        _stop(services, cancelled)


def _stop(services: Services, job: Job) -> None:
    """Not raising: the job is cancelled, and a worker that nobody stops finds that out by itself."""
    try:
        cancelling.stop(services, job)
    except StoryvoiceError as error:
        log.warning("a GPU job was not stopped: %s", error.code, extra={"jobId": job.id})


def _voice_steps(services: Services, erasure: Erasure) -> Iterator[None]:
    """Everything that was told in it, then its own files."""
    yield from _begun_before(services, _of_voice(services, erasure))
    voice_id = erasure.path.partition("/")[2]
    query = _of_user(services, AUDIO_REQUESTS, erasure.user_id).where(filter=_is("voiceId", voice_id))
    while told := _page(query.select(["storyId", "ownStory"])):
        for snapshot in told:
            path = f"{AUDIO_REQUESTS}/{snapshot.id}"
            _forget_own_story(services, snapshot.to_dict())
            narration = _narration(services, erasure.user_id, path, str(snapshot.get("storyId")), part_of=erasure.id)
            with contextlib.suppress(NotFound):  # somebody else was quicker
                _hide(services, narration)
            yield from _files(services, narration)
            _settle(services, narration)
    yield from _files(services, erasure)


def _forget_own_story(services: Services, request: Fields) -> None:
    """The story that the HTTP API made for this request alone (`ownStory`, the server's field): before the request,
    which is the only way to it."""
    if request.get("ownStory") is True:
        transactions.call(services.firestore().document(f"{STORIES}/{request['storyId']}").delete)


def _begun_before(services: Services, query: Any, receipt_id: str = "") -> Iterator[None]:
    """Go on with the erasures of a query that nobody has brought to an end, whether or not they are due."""
    for snapshot in _listed(query.stream):
        begun = Erasure.from_document(snapshot.id, snapshot.to_dict())
        if begun.due_at < begun.last_look_at:
            yield from _STEPS[begun.kind](services, structs.replace(begun, receipt_id=receipt_id))
            _settle(services, begun)


def _files(services: Services, erasure: Erasure) -> Iterator[None]:
    for prefix in erasure.prefixes:
        deleted = storage.PAGE
        while deleted == storage.PAGE:
            deleted = services.eraser().delete_some(prefix)
            if deleted and erasure.receipt_id:
                transactions.call(_receipt(services, erasure).update, {"erased.files": firestore.Increment(deleted)})
            yield


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _begin(services: Services, erasure: Erasure) -> tuple[str, str]:
    """From here on nothing of the user's is admitted, and it is known what has to go. Returns the ids of the erasure
    and of its receipt: those of the first call, if there was one."""
    client, now = services.firestore(), services.store().clock()
    reference = client.document(f"{ERASURES}/{erasure.id}")
    closed = {"closed": True, "expireAt": erasure.last_look_at + LATE}
    receipt = {
        "subject": hashlib.sha256(erasure.user_id.encode()).hexdigest(),
        "requestedAt": now,
        "erased": {},
        "expireAt": now + RECEIPT_KEPT,
    }

    def begin(transaction: firestore.Transaction) -> str:
        found = transactions.read_within(transaction, reference)
        if found is not None:
            return str(found["receiptId"])
        transaction.create(reference, erasure.to_document())
        transaction.create(_receipt(services, erasure), receipt)
        transaction.set(client.document(f"{QUOTAS}/{erasure.user_id}"), closed, merge=True)
        return erasure.receipt_id

    return erasure.id, transactions.run(client, begin)


def _account_steps(services: Services, erasure: Erasure) -> Iterator[None]:
    """The sign-in first, so that nothing new is begun; files after the documents that name them."""
    user_id = erasure.user_id
    identity.delete_sign_in(user_id)
    yield
    for collection in (REFRESH_TOKENS, ACCOUNT_NAMES, ACCOUNTS):
        yield from _documents(services, erasure, collection)
    _stop_jobs(services, user_id)
    for collection in (AUDIO_REQUESTS, STORIES):
        yield from _documents(services, erasure, collection)
    while voices := _page(_of_user(services, VOICE_PROFILES, user_id).select(["userId"])):
        for snapshot in voices:
            voice = structs.replace(_voice(services, user_id, snapshot.id), receipt_id=erasure.receipt_id)
            with contextlib.suppress(NotFound):
                _hide(services, voice)
            transactions.call(_receipt(services, erasure).update, {f"erased.{VOICE_PROFILES}": firestore.Increment(1)})
            yield
    of_voices = _of_user(services, ERASURES, user_id).where(filter=_is("kind", "voice"))
    yield from _begun_before(services, of_voices, erasure.receipt_id)
    yield from _files(services, erasure)
    for collection in (JOBS, IDEMPOTENCY_KEYS):
        yield from _documents(services, erasure, collection)
    _delete_tree(services.firestore().document(f"{USERS}/{user_id}"))
    _complete(services, erasure)


def _stop_jobs(services: Services, user_id: str) -> None:
    for snapshot in _listed(_of_user(services, JOBS, user_id).select(HEAD_FIELDS).stream):
        try:
            job = Job.from_document(snapshot.id, snapshot.to_dict())
        except msgspec.ValidationError:
            log.exception("a document that is no job", extra={"jobId": snapshot.id})
            continue
        if not job.finished:
            with contextlib.suppress(Conflict, NotFound):  # it has just finished
                _stop(services, services.store().cancel(job.id))


def _documents(services: Services, erasure: Erasure, collection: str) -> Iterator[None]:
    """Delete the user's documents of a collection; each page and its count in one commit."""
    client = services.firestore()
    query = _of_user(services, collection, erasure.user_id).select(["userId"]).limit(BATCH)

    def delete_some(transaction: firestore.Transaction) -> int:
        found = list(query.stream(transaction=transaction, **transactions.ONE_CALL))
        for snapshot in found:
            transaction.delete(snapshot.reference)
        if found:
            transaction.update(_receipt(services, erasure), {f"erased.{collection}": firestore.Increment(len(found))})
        return len(found)

    while transactions.run(client, delete_some):
        yield
    yield


def _delete_tree(document: Any) -> None:
    """A document and whatever lies below it: devices, and what an app may have put there."""
    for collection in _listed(document.collections):
        for child in _listed(collection.list_documents):
            _delete_tree(child)
    transactions.call(document.delete)


def _listed(pages: Callable[[], Iterator[Any]]) -> list[Any]:
    return transactions.call(lambda: list(pages()))


def _complete(services: Services, erasure: Erasure) -> None:
    receipt = _receipt(services, erasure)
    if "completedAt" not in (transactions.call(receipt.get).to_dict() or {}):
        transactions.call(receipt.update, {"completedAt": services.store().clock()})


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _receipt(services: Services, erasure: Erasure) -> Any:
    return services.firestore().document(f"{RECEIPTS}/{erasure.receipt_id}")


def _of_user(services: Services, collection: str, user_id: str) -> Any:
    return services.firestore().collection(collection).where(filter=_is("userId", user_id))


def _of_voice(services: Services, erasure: Erasure) -> Any:
    return services.firestore().collection(ERASURES).where(filter=_is("partOf", erasure.id))


def _is(field: str, value: str) -> FieldFilter:
    return FieldFilter(field, "==", value)


def _page(query: Any) -> list[Any]:
    return _listed(query.limit(BATCH).stream)


def _get(services: Services, path: str) -> Fields | None:
    return transactions.read(services.firestore(), path)


_STEPS: dict[Kind, Callable[[Services, Erasure], Iterator[None]]] = {
    "voice": _voice_steps,
    "narration": _files,
    "account": _account_steps,
}
