"""Users whose voice is there already, so that a benchmark can ask for narrations at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.cloud import firestore

from benchmarks.instant_engine import profile
from localcloud.bucket.owner import owner
from localcloud.cloud import BUCKET, CREDENTIALS
from localcloud.embedded import EmbeddedCloud
from localcloud.phone import Phone, new_id

TEXT = "Once upon a time, far away."  # about as short as a piece can be: the speaking is not what is measured
_WRITERS = 8


class User:
    """A phone with a voice and a story."""

    def __init__(self, cloud: EmbeddedCloud, database: Any, bucket: Any) -> None:
        self.phone = Phone(cloud.endpoints)
        self.voice_id = new_id()
        key = f"voices/{self.phone.user_id}/{self.voice_id}/prepared/1/profile.safetensors"
        bucket.put_object(Bucket=BUCKET, Key=key, Body=profile().to_bytes())
        voice = {"userId": self.phone.user_id, "name": "Mum", "status": "ready", "profileKey": key, "model": "instant"}
        database.document(f"voice_profiles/{self.voice_id}").set(voice)
        self.story_id = self.phone.create_story("A story", TEXT)

    def ask(self) -> str:
        return self.phone.request_audio(self.story_id, self.voice_id)


def prepared_users(cloud: EmbeddedCloud, count: int) -> list[User]:
    """FIRESTORE_EMULATOR_HOST must be set."""
    database: Any = firestore.Client(project=cloud.endpoints.project)
    bucket = owner(cloud.cloud.bucket.url, CREDENTIALS)
    with ThreadPoolExecutor(_WRITERS) as threads:
        users = list(threads.map(lambda _: User(cloud, database, bucket), range(count)))
    database.close()
    return users
