"""What the functions read from the environment. The README's table is generated from here."""

from __future__ import annotations

import dataclasses
import os

from jobs.config import SettingError, setting
from jobs.settings import SharedSettings

# Decorators need it while main.py is imported, before settings are. Triggers must be in their database's region.
REGION = os.environ.get("FUNCTIONS_REGION") or "us-central1"
# The Firebase CLI completes the address with the project; infra/accounts.tf makes the account and says what it may.
FUNCTIONS_ACCOUNT = "storyvoice-functions@"
BUDGET_TOPIC = "budget-alerts"


# What each GPU_BACKEND cannot do without.
_NEEDED = {
    "runpod": ("runpod_api_key", "clone_endpoint", "narrate_endpoint"),
    "http": ("gpu_http_url",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(SharedSettings):
    tasks_endpoint: str = setting(
        "TASKS_ENDPOINT",
        "Where Cloud Tasks is; http://HOST:PORT is spoken to without TLS. Empty: Google's.",
        default="",
    )
    dispatch_queue: str = setting(
        "DISPATCH_QUEUE", "Cloud Tasks queue of dispatchJob; made by the deployment.", default="dispatchJob"
    )
    dispatch_url: str = setting("DISPATCH_URL", "The URL of dispatchJob. Empty: as the platform names it.", default="")
    tasks_service_account: str = setting(
        "TASKS_SERVICE_ACCOUNT", "Whose OIDC token Cloud Tasks sends. Empty: none is sent.", default=""
    )

    gpu_backend: str = setting("GPU_BACKEND", "Where jobs run: `runpod`, or `http` (Cloud Run GPU).", default="runpod")
    runpod_api_base: str = setting(
        "RUNPOD_API_BASE", "The base of RunPod's serverless API.", default="https://api.runpod.ai/v2"
    )
    runpod_api_key: str = setting("RUNPOD_API_KEY", "RunPod's API key.", default="", secret=True)
    clone_endpoint: str = setting("VC_CB_ENDPOINT_ID", "RunPod endpoint that clones voices.", default="")
    narrate_endpoint: str = setting("TTS_CB_ENDPOINT_ID", "RunPod endpoint that narrates stories.", default="")
    runpod_execution_seconds: int = setting(
        "RUNPOD_EXECUTION_SECONDS", "After how long RunPod stops a running job.", default=3600
    )
    gpu_http_url: str = setting("GPU_HTTP_URL", "The GPU service's /run, for GPU_BACKEND=http.", default="")
    gpu_http_queue: str = setting(
        "GPU_HTTP_QUEUE", "Cloud Tasks queue in front of the GPU service, for GPU_BACKEND=http.", default="gpu-jobs"
    )

    fcm_endpoint: str = setting(
        "FCM_ENDPOINT", "Where Firebase Cloud Messaging is.", default="https://fcm.googleapis.com"
    )

    otlp_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Where each job's trace is sent by OTLP over HTTP when it is over; OTEL_EXPORTER_OTLP_HEADERS counts, too. "
        "Empty: nowhere.",
        default="",
    )

    upload_url_seconds: int = setting("UPLOAD_URL_SECONDS", "How long a signed upload URL is valid.", default=900)
    audio_url_seconds: int = setting("AUDIO_URL_SECONDS", "How long a signed audio URL is valid.", default=3600)

    calls_per_minute: int = setting("RATE_LIMIT_DEFAULT_PER_MINUTE", "Callables a minute and user.", default=60)
    clones_per_minute: int = setting("RATE_LIMIT_CLONE_PER_MINUTE", "New voices a minute and user.", default=5)
    narrations_per_minute: int = setting("RATE_LIMIT_TTS_PER_MINUTE", "Narrations a minute and user.", default=10)
    characters_per_day: int = setting(
        "CHARACTERS_PER_DAY", "Characters that a user may have narrated in a day (UTC).", default=200_000
    )

    def __post_init__(self) -> None:
        if self.gpu_backend not in _NEEDED:
            raise SettingError(f"GPU_BACKEND: {self.gpu_backend!r} is not one of {', '.join(_NEEDED)}.")
        names = {field.name: field.metadata["name"] for field in dataclasses.fields(self)}
        missing = [names[field] for field in _NEEDED[self.gpu_backend] if not getattr(self, field)]
        if missing:
            raise SettingError(f"GPU_BACKEND is {self.gpu_backend}: set {', '.join(missing)}, too.")
        for field in ("calls_per_minute", "clones_per_minute", "narrations_per_minute"):
            if getattr(self, field) < 1:
                raise SettingError(f"{names[field]}: {getattr(self, field)} is not a rate; it must be at least 1.")

    def queue_path(self, queue: str) -> str:
        return f"projects/{self.project}/locations/{REGION}/queues/{queue}"

    @property
    def dispatch_target(self) -> str:
        return self.dispatch_url or f"https://{REGION}-{self.project}.cloudfunctions.net/dispatchJob"
