"""What there is to serve, as the functions' own endpoint manifests say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

DEFAULT_TIMEOUT_SECONDS = 60
_DOCUMENT_EVENTS = "google.cloud.firestore.document.v1."
_MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"

Kind = Literal["document", "pubsub", "task", "schedule", "callable", "https"]


class ManifestError(ValueError):
    """A function asks for something that the local cloud does not have; the message names both."""


@dataclass(frozen=True)
class FunctionSpec:
    """One function. What does not belong to its kind is empty.

    `rate_limits` and `retry_config` are a task queue's, in the manifest's own words (maxConcurrentDispatches,
    maxAttempts, minBackoffSeconds, …). `timeout_seconds` and `region` have production's defaults filled in.
    """

    name: str
    kind: Kind
    region: str
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    concurrency: int | None = None
    retry: bool = False
    event_type: str = ""
    document: str = ""
    is_pattern: bool = False
    database: str = "(default)"
    namespace: str = "(default)"
    topic: str = ""
    schedule: str = ""
    time_zone: str = ""
    rate_limits: Mapping[str, Any] = field(default_factory=dict)
    retry_config: Mapping[str, Any] = field(default_factory=dict)


def parse_manifest(manifest: Mapping[str, Any], default_region: str) -> dict[str, FunctionSpec]:
    """The manifest (parsed YAML or JSON) to specs by entry point. Raises ManifestError."""
    return {
        endpoint["entryPoint"]: _function(endpoint["entryPoint"], endpoint, default_region)
        for endpoint in manifest["endpoints"].values()
    }


def _function(name: str, endpoint: Mapping[str, Any], default_region: str) -> FunctionSpec:
    regions = endpoint.get("region") or [default_region]
    common: dict[str, Any] = {
        "name": name,
        "region": regions[0] if isinstance(regions, list) else regions,
        "timeout_seconds": _number(name, endpoint, "timeoutSeconds") or DEFAULT_TIMEOUT_SECONDS,
        "concurrency": _number(name, endpoint, "concurrency"),
    }
    if (trigger := endpoint.get("eventTrigger")) is not None:
        return _event(common, trigger)
    if (trigger := endpoint.get("taskQueueTrigger")) is not None:
        limits, retries = trigger.get("rateLimits") or {}, trigger.get("retryConfig") or {}
        return FunctionSpec(**common, kind="task", rate_limits=limits, retry_config=retries)
    if (trigger := endpoint.get("scheduleTrigger")) is not None:
        return _schedule(common, trigger)
    if endpoint.get("callableTrigger") is not None:
        return FunctionSpec(**common, kind="callable")
    if endpoint.get("httpsTrigger") is not None:
        return FunctionSpec(**common, kind="https")
    triggers = ", ".join(sorted(key for key in endpoint if key.endswith("Trigger"))) or "no trigger"
    raise ManifestError(f"{name}: the local cloud does not implement {triggers}.")


def _event(common: dict[str, Any], trigger: Mapping[str, Any]) -> FunctionSpec:
    event_type, filters = trigger["eventType"], trigger.get("eventFilters") or {}
    patterns = trigger.get("eventFilterPathPatterns") or {}
    common |= {"event_type": event_type, "retry": trigger.get("retry") is True}
    if event_type == _MESSAGE_PUBLISHED:
        return FunctionSpec(**common, kind="pubsub", topic=filters["topic"])
    if event_type.startswith(_DOCUMENT_EVENTS):
        return FunctionSpec(
            **common,
            kind="document",
            document=patterns.get("document") or filters["document"],
            is_pattern="document" in patterns,
            database=filters["database"],
            namespace=filters["namespace"],
        )
    raise ManifestError(f"{common['name']}: the local cloud does not implement events of the type {event_type}.")


def _schedule(common: dict[str, Any], trigger: Mapping[str, Any]) -> FunctionSpec:
    if any((trigger.get("retryConfig") or {}).values()):
        raise ManifestError(f"{common['name']}: the local cloud does not implement retries of a scheduled function.")
    zone = trigger.get("timeZone") or ""
    return FunctionSpec(**common, kind="schedule", schedule=trigger["schedule"], time_zone=zone)


def _number(name: str, endpoint: Mapping[str, Any], key: str) -> int | None:
    value = endpoint.get(key)
    if value is not None and not isinstance(value, int):
        raise ManifestError(f"{name}: {key} is {value!r}; the local cloud does not evaluate parameter expressions.")
    return value
