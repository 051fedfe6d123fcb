"""A worker, put together from the environment: for the RunPod handler and the HTTP server alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from google.cloud import firestore
from google.oauth2 import service_account

from gpu_job.engines.registry import load_engine
from gpu_job.narration.recognition import Recogniser
from gpu_job.settings import Settings
from gpu_job.storage import Bucket
from gpu_job.worker import Worker
from jobs.config import SettingError, load
from jobs.outbox import Outbox
from jobs.store import Store
from jobs.transition import Policy


def make_worker(settings: Settings, environ: Mapping[str, str]) -> Worker:
    """Connects to nothing yet. Raises SettingError, FailedPrecondition (with what to install)."""
    credentials = _credentials(settings)
    if not settings.engines:
        raise SettingError("ENGINE names no engine.")
    engine, *more_engines = map(load_engine, settings.engines)
    client = firestore.Client(project=settings.project, credentials=credentials)
    return Worker(
        store=Store(client, load(Policy, environ)),
        outbox=Outbox(client, credentials),
        bucket=Bucket(
            settings.r2_endpoint, settings.r2_bucket, settings.r2_access_key_id, settings.r2_secret_access_key
        ),
        engine=engine,
        more_engines=tuple(more_engines),
        recogniser=Recogniser() if settings.listens else None,
        public_base_url=settings.public_base_url,
    )


def _credentials(settings: Settings) -> Any:
    """The service account's, where one is given; None: whatever the platform brings."""
    if not settings.service_account:
        return None
    try:
        make: Any = service_account.Credentials.from_service_account_info
        return make(json.loads(settings.service_account))
    except ValueError as error:
        raise SettingError("RUNPOD_SECRET_Firebase is not the JSON key of a service account.") from error
