"""Documents as an operator reads them: by equality alone, so that no index is made for people's questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.cloud.firestore_v1.base_query import FieldFilter

from backend.services import Services
from jobs import keys, transactions
from jobs.documents import AUDIO_REQUESTS, JOBS, VOICE_PROFILES
from jobs.errors import InvalidArgument, NotFound
from jobs.model import HEAD_FIELDS, Job

Fields = dict[str, Any]
REQUESTS = (VOICE_PROFILES, AUDIO_REQUESTS)
MOST_READ = 10_000  # documents for one question


def find(
    services: Services, collection: str, equal: Mapping[str, str | None], fields: Iterable[str], newest_by: str
) -> list[tuple[str, Fields]]:
    """(id, fields) of the documents in which these fields are so, newest first; of too many, not the newest for sure.

    Without any condition it is the newest of all.
    """
    query: Any = services.firestore().collection(collection)
    conditions = {name: value for name, value in equal.items() if value is not None}
    for name, value in conditions.items():
        query = query.where(filter=FieldFilter(name, "==", value))
    if not conditions:
        query = query.order_by(newest_by, direction="DESCENDING")
    query = query.select(list({*fields, newest_by})).limit(MOST_READ)
    found = transactions.call(lambda: [(snapshot.id, snapshot.to_dict()) for snapshot in query.stream()])
    return sorted(found, key=lambda each: str(each[1].get(newest_by, "")), reverse=True)


def get(services: Services, path: str) -> Fields:
    """Raises NotFound."""
    found = transactions.read(services.firestore(), path)
    if found is None:
        raise NotFound(f"There is no {path}.")
    return found


def request_path(text: str) -> str:
    """A request as operators name it. Raises InvalidArgument."""
    collection, _, document_id = text.partition("/")
    if collection not in REQUESTS or not keys.is_id(document_id):
        raise InvalidArgument(f"A request is {' or '.join(f'{name}/ID' for name in REQUESTS)}.")
    return text


def job_id(text: str) -> str:
    """A job as operators name it: by its id, or by its request's path."""
    return keys.job_id(request_path(text)) if "/" in text else text


def job(services: Services, text: str) -> Job:
    """Without its input. Raises NotFound."""
    found = job_id(text)
    if not keys.is_id(found):
        raise InvalidArgument("A job is named by its id or by its request's path.")
    return services.store().find(found)


def jobs(services: Services, equal: Mapping[str, str | None]) -> list[Job]:
    found = find(services, JOBS, equal, HEAD_FIELDS, "updatedAt")
    return [Job.from_document(name, fields) for name, fields in found]
