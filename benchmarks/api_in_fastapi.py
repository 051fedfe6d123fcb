"""Two routes of the API as one would write them in FastAPI: the same doors, the same backend, the same Firestore calls.

What benchmarks/api.py compares ours with. Run by uvicorn, one process, as FastAPI's documentation has it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from datetime import timedelta
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from google.cloud import firestore
from pydantic import BaseModel, ConfigDict, Field

from backend import quotas, submitting, voices
from backend.api.tokens import Tokens
from backend.services import services
from backend.submitting import NewNarration
from jobs import keys, transactions
from jobs.documents import IDEMPOTENCY_KEYS

app = FastAPI()
_world = services()
_settings = _world.api_settings()
_tokens = Tokens(_settings.secret_keys, timedelta(minutes=30), timedelta(days=7))


class Voice(BaseModel):
    voice_id: str
    name: str
    sample_file: str | None
    embedding_file: str | None
    created_date: int
    language: str
    is_kids_voice: bool
    status: str
    clones: bool | None


class VoiceList(BaseModel):
    status: str
    voices: list[Voice]
    language: str | None
    is_kids_voice: bool | None
    total: int
    next_cursor: str | None


class Generate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    voice_id: Annotated[str, Field(min_length=1, max_length=128)]
    text: Annotated[str, Field(min_length=1, max_length=100_000)]
    user_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    language: str = "en"
    story_type: str = "user"
    is_kids_voice: bool = False
    model_type: str | None = None
    audio_format: str = "mp3"
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    pitch: Annotated[float, Field(ge=-12, le=12)] = 0.0


class Metadata(BaseModel):
    job_id: str
    audio_id: str


class Queued(BaseModel):
    status: Literal["queued"] = "queued"
    metadata: Metadata


def user(authorization: Annotated[str, Header()]) -> str:
    user_id = _tokens.user_of(authorization.removeprefix("Bearer "))
    quotas.charge_call(_world.store(), _world.settings(), user_id)
    return user_id


@app.get("/api/voices", response_model=VoiceList)
def list_voices(
    user_id: Annotated[str, Depends(user)],
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: str | None = None,
) -> VoiceList:
    page = voices.listed(_world, user_id, limit=limit, cursor=cursor)
    found = [_voice(voice_id, fields) for voice_id, fields in page.items]
    return VoiceList(
        status="success",
        voices=found,
        language=None,
        is_kids_voice=None,
        total=len(found),
        next_cursor=page.next_cursor,
    )


async def signed(
    request: Request, x_daezend_timestamp: Annotated[str, Header()], x_daezend_signature: Annotated[str, Header()]
) -> bytes:
    body = await request.body()
    if abs(time.time() - int(x_daezend_timestamp) / 1000) > 300:
        raise HTTPException(401)
    message = f"{request.method}\n{request.url.path}\n{x_daezend_timestamp}\n".encode() + body
    if not hmac.compare_digest(
        hmac.digest(_settings.shared_secret.encode(), message, "sha256").hex(), x_daezend_signature
    ):
        raise HTTPException(401)
    return body


@app.post("/api/tts/generate", status_code=202, response_model=Queued)
def generate(
    body: Generate,
    raw: Annotated[bytes, Depends(signed)],
    x_daezend_signature: Annotated[str, Header()],
    x_idempotency_key: Annotated[str, Header()],
) -> Any:
    quotas.charge_call(_world.store(), _world.settings(), body.user_id)
    client, now = _world.firestore(), _world.store().clock()
    reference = client.document(f"{IDEMPOTENCY_KEYS}/{keys.derived_id('fastapi', body.user_id, x_idempotency_key)}")
    signature = client.document(f"{IDEMPOTENCY_KEYS}/{keys.derived_id('signature', x_daezend_signature)}")
    fields = {
        "userId": body.user_id,
        "request": hashlib.sha256(raw).hexdigest(),
        "mark": os.urandom(8).hex(),
        "heldUntil": now + timedelta(minutes=1),
        "expireAt": now + timedelta(days=1),
    }

    def claim(transaction: firestore.Transaction) -> dict[str, Any] | None:
        found: dict[str, Any] | None = reference.get(transaction=transaction).to_dict()
        if found is None and signature.get(transaction=transaction).to_dict() is None:
            transaction.set(reference, fields)
            transaction.set(signature, {"userId": body.user_id, "key": reference.id, "expireAt": fields["expireAt"]})
        return found

    if (before := transactions.run(client, claim)) is not None:
        return before["answer"]
    narration = NewNarration(
        audio_id=keys.derived_id(body.user_id, x_idempotency_key),
        voice_id=body.voice_id,
        said={
            "text": body.text,
            "language": body.language,
            "format": body.audio_format,
            "speed": body.speed,
            "pitch": body.pitch,
        },
        story_type=body.story_type,
    )
    job_id = submitting.submit_narration(_world, body.user_id, narration)
    answer = Queued(metadata=Metadata(job_id=job_id, audio_id=narration.audio_id))

    def keep(transaction: firestore.Transaction) -> None:
        if reference.get(transaction=transaction).to_dict() is not None:
            transaction.update(reference, {"answer": answer.model_dump()})

    transactions.run(client, keep)
    return answer


def _voice(voice_id: str, fields: dict[str, Any]) -> Voice:
    created = fields.get("createdAt")
    return Voice(
        voice_id=voice_id,
        name=fields["name"],
        sample_file=_link(fields.get("sampleKey")),
        embedding_file=_link(fields.get("profileKey")),
        created_date=int(created.timestamp()) if created else 0,
        language=fields["language"],
        is_kids_voice=fields["isKidsVoice"],
        status=fields["status"],
        clones=fields.get("clones"),
    )


def _link(key: str | None) -> str | None:
    return _world.signer().get(key, seconds=_world.settings().audio_url_seconds)[0] if key else None


if __name__ == "__main__":
    uvicorn.run(app, fd=int(os.environ["SOCKET_FD"]), log_level="warning")
