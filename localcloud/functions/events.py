"""From what the emulators post to what Eventarc would deliver: binary-mode CloudEvents."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

_DOCUMENT_ATTRIBUTES = (
    *("id", "source", "type", "specversion", "time", "subject"),
    *("document", "database", "namespace", "project"),
)


class EventError(ValueError):
    """What was posted is not an event; the message says what is missing."""


@dataclass(frozen=True)
class CloudEvent:
    headers: Mapping[str, str]
    body: bytes


def document_event(headers: Mapping[str, str], body: bytes, location: str) -> CloudEvent:
    """From the Firestore emulator's post, whose body is base64 and whose location is always us-central1."""
    attributes = {key.lower()[3:]: value for key, value in headers.items() if key.lower().startswith("ce-")}
    if missing := [name for name in _DOCUMENT_ATTRIBUTES if name not in attributes]:
        raise EventError(f"a document event without {', '.join('ce-' + name for name in missing)}")
    try:
        data = base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise EventError(f"a document event whose body is not base64: {error}") from error
    attributes["source"] = attributes["source"].replace("/projects/projects/", "/projects/", 1)
    attributes["location"] = location
    attributes.pop("datacontenttype", None)  # in binary mode, Content-Type says it
    return CloudEvent(_as_headers(attributes, "application/protobuf"), data)


def message_event(body: bytes, project: str, topic: str) -> CloudEvent:
    """From a Pub/Sub push: {"message": {messageId, publishTime, data, …}, "subscription": …}, which stays as it is."""
    try:
        message = json.loads(body)["message"]
        message_id, published = str(message["messageId"]), str(message["publishTime"])
    except (ValueError, KeyError, TypeError) as error:
        raise EventError(f"not a Pub/Sub push: {type(error).__name__}: {error}") from error
    attributes = {
        "id": message_id,
        "source": f"//pubsub.googleapis.com/projects/{project}/topics/{topic}",
        "type": "google.cloud.pubsub.topic.v1.messagePublished",
        "specversion": "1.0",
        "time": published,
    }
    return CloudEvent(_as_headers(attributes, "application/json"), body)


def _as_headers(attributes: Mapping[str, str], content_type: str) -> dict[str, str]:
    encoded = {f"ce-{name}": percent_encoded(value) for name, value in attributes.items()}
    return {**encoded, "content-type": content_type}


def percent_encoded(value: str) -> str:
    """As the HTTP binding of CloudEvents asks (3.1.3.2): printable ASCII stays, but for space, quote and percent."""
    raw = value.encode(errors="surrogateescape")
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte not in b'"%' else f"%{byte:02X}" for byte in raw)
