"""What a client can ask of Firestore, as the bytes of one gRPC call, and who asks.

A client library would do the same with more steps; here a call is built once and sent many times.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1 import _helpers as wire
from google.cloud.firestore_v1.types import BatchGetDocumentsRequest, CommitRequest, DocumentTransform, RunQueryRequest

Fields = dict[str, Any]
SERVER_TIME = firestore.SERVER_TIMESTAMP
DELETE = firestore.DELETE_FIELD
_REQUEST_TIME = DocumentTransform.FieldTransform.ServerValue.REQUEST_TIME


@dataclass(frozen=True)
class Actor:
    """`uid` empty: without a token. The server comes with the token that the emulator takes for the project's owner."""

    name: str
    uid: str
    provider: str = "password"

    def metadata(self, project: str) -> tuple[tuple[str, str], ...]:
        database = ("google-cloud-resource-prefix", _database(project))
        if self == SERVER:
            return (database, ("authorization", "Bearer owner"))
        if not self.uid:
            return (database,)
        return (database, ("authorization", f"Bearer {_id_token(project, self.uid, self.provider)}"))


SERVER = Actor("server", "")
OWNER = Actor("owner", "owner-1")
OTHER = Actor("other user", "other-2")
ANONYMOUS = Actor("anonymous sign-in", "anonymous-3", "anonymous")
NOBODY = Actor("no token", "")
ACTORS = (OWNER, OTHER, ANONYMOUS, NOBODY, SERVER)


@dataclass(frozen=True)
class Create:
    path: str
    fields: Mapping[str, Any]

    def call(self, project: str) -> tuple[str, bytes]:
        return _commit(project, {**_written(project, self.path, self.fields), "current_document": {"exists": False}})


@dataclass(frozen=True)
class Update:
    """Some fields; DELETE removes one. `whole`: the document becomes just these, as `set` makes it."""

    path: str
    fields: Mapping[str, Any]
    whole: bool = False

    def call(self, project: str) -> tuple[str, bytes]:
        kept = {name: value for name, value in self.fields.items() if value is not DELETE}
        write = {**_written(project, self.path, kept), "current_document": {"exists": True}}
        if not self.whole:
            paths = [name for name, value in self.fields.items() if value is not SERVER_TIME]
            write["update_mask"] = {"field_paths": paths}
        return _commit(project, write)


@dataclass(frozen=True)
class Delete:
    path: str

    def call(self, project: str) -> tuple[str, bytes]:
        return _commit(project, {"delete": _name(project, self.path)})


@dataclass(frozen=True)
class Get:
    path: str

    def call(self, project: str) -> tuple[str, bytes]:
        request = BatchGetDocumentsRequest(database=_database(project), documents=[_name(project, self.path)])
        return "BatchGetDocuments", BatchGetDocumentsRequest.serialize(request)


@dataclass(frozen=True)
class Query:
    """A collection (`group`: all of that name, at any depth), only documents of `user_id` if one is given."""

    collection: str
    user_id: str | None = None
    group: bool = False

    def call(self, project: str) -> tuple[str, bytes]:
        parent, _, last = f"{_database(project)}/documents/{self.collection}".rpartition("/")
        query: Fields = {"from_": [{"collection_id": last, "all_descendants": self.group}]}
        if self.user_id is not None:
            condition = {"field": {"field_path": "userId"}, "op": "EQUAL", "value": {"string_value": self.user_id}}
            query["where"] = {"field_filter": condition}
        request = RunQueryRequest(parent=parent, structured_query=query)
        return "RunQuery", RunQueryRequest.serialize(request)


Operation = Create | Update | Delete | Get | Query


def seeding(project: str, documents: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[str, bytes]:
    """One commit that writes them all."""
    return _commit(project, *(_written(project, path, fields) for path, fields in documents))


def _commit(project: str, *writes: Fields) -> tuple[str, bytes]:
    return "Commit", CommitRequest.serialize(CommitRequest(database=_database(project), writes=writes))


def _written(project: str, path: str, fields: Mapping[str, Any]) -> Fields:
    values = {name: value for name, value in fields.items() if value is not SERVER_TIME}
    stamps = [
        {"field_path": name, "set_to_server_value": _REQUEST_TIME}
        for name, value in fields.items()
        if value is SERVER_TIME
    ]
    return {
        "update": {"name": _name(project, path), "fields": wire.encode_dict(values)},
        "update_transforms": stamps,
    }


def _database(project: str) -> str:
    return f"projects/{project}/databases/(default)"


def _name(project: str, path: str) -> str:
    return f"{_database(project)}/documents/{path}"


def _id_token(project: str, uid: str, provider: str) -> str:
    """Unsigned, as the Auth emulator issues them: the Firestore emulator checks no signature."""
    now = int(time.time())
    claims = {
        "sub": uid,
        "user_id": uid,
        "aud": project,
        "iss": f"https://securetoken.google.com/{project}",
        "iat": now,
        "exp": now + 3600,
        "firebase": {"sign_in_provider": provider, "identities": {}},
    }
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."
