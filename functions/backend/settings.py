"""What the functions read from the environment. The README's table is generated from here."""

from __future__ import annotations

import dataclasses
import os
import re

from jobs import keys
from jobs.config import SettingError, setting
from jobs.settings import SharedSettings

# Decorators need it while main.py is imported, before settings are. Triggers must be in their database's region.
REGION = os.environ.get("FUNCTIONS_REGION") or "us-central1"
# The Firebase CLI completes the address with the project; infra/accounts.tf makes the account and says what it may.
FUNCTIONS_ACCOUNT = "storyvoice-functions@"
BUDGET_TOPIC = "budget-alerts"
# Of an instance, and as many requests are sent to it at a time. They mostly wait for Firestore, up to fifteen times:
# with four a CPU, which functions-framework would take, the CPU idles while requests stand in line.
THREADS = 32


ENGINES_OWN = "engine"  # as DEFAULT_VOICE: the voice that the engine itself has

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

    default_voice: str = setting(
        "DEFAULT_VOICE",
        "The voice called `default`: `engine` for the engine's own, or a voice profile's id. Empty: there is none.",
        default="",
    )
    default_voice_language: str = setting(
        "DEFAULT_VOICE_LANGUAGE", "The language in which the voice called `default` is at home.", default="en"
    )

    waiting_requests: int = setting(
        "WAITING_REQUESTS",
        f"How many requests of one instance may wait for a result at a time; each takes one of its {THREADS} threads.",
        default=THREADS // 2,
    )

    webhook_queue: str = setting(
        "WEBHOOK_QUEUE", "Cloud Tasks queue of deliverWebhook; made by the deployment.", default="deliverWebhook"
    )
    webhook_delivery_url: str = setting(
        "WEBHOOK_DELIVERY_URL", "The URL of deliverWebhook. Empty: as the platform names it.", default=""
    )
    webhook_trusted_hosts: tuple[str, ...] = setting(
        "WEBHOOK_TRUSTED_HOSTS",
        "Hosts that a webhook_url may name although their addresses are private, and by http, too.",
        default=(),
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
        if self.waiting_requests < 1:
            raise SettingError(f"{names['waiting_requests']}: {self.waiting_requests} must be at least 1.")

    def queue_path(self, queue: str) -> str:
        return f"projects/{self.project}/locations/{REGION}/queues/{queue}"

    @property
    def dispatch_target(self) -> str:
        return self.dispatch_url or f"https://{REGION}-{self.project}.cloudfunctions.net/dispatchJob"

    @property
    def webhook_target(self) -> str:
        return self.webhook_delivery_url or f"https://{REGION}-{self.project}.cloudfunctions.net/deliverWebhook"


_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?")
_SECRET_BYTES = 32  # as HMAC-SHA-256 wants its keys; `openssl rand -hex 32` makes one
_LONGEST_ACCESS_MINUTES = 60  # what is deleted is looked at again when no token can be left (backend.erasing)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """What the HTTP function alone reads. A door that is switched off lets nobody in; it never stands open."""

    hmac: bool = setting("SECURITY_ENABLE_HMAC", "Whether internal services may sign requests.", default=True)
    firebase_auth: bool = setting(
        "SECURITY_ENABLE_FIREBASE_AUTH", "Whether Firebase ID tokens are accepted over HTTP.", default=True
    )
    app_check: bool = setting(
        "SECURITY_ENABLE_APP_CHECK", "Whether a Firebase ID token needs an App Check token beside it.", default=True
    )
    jwt: bool = setting("SECURITY_ENABLE_JWT", "Whether users may register and log in with a password.", default=True)

    shared_secret: str = setting(
        "DAEZEND_API_SHARED_SECRET", "What internal services sign with: 32 random bytes.", default="", secret=True
    )
    hmac_skew_seconds: int = setting(
        "HMAC_MAX_SKEW_SECONDS", "How far a signature's time may be from ours.", default=300
    )
    hmac_user: str = setting(
        "DAEZEND_USER_ID", "For whom an internal service acts that names no `user_id`.", default="daezend"
    )
    idempotency_seconds: int = setting(
        "IDEMPOTENCY_TTL_SECONDS", "How long the answer to an X-Idempotency-Key is kept.", default=86_400
    )

    secret_keys: tuple[str, ...] = setting(
        "SECRET_KEY",
        "What tokens are signed with: 32 random bytes. To rotate: `NEW,OLD`, and `NEW` a week later.",
        default=(),
        secret=True,
    )
    access_minutes: int = setting("ACCESS_TOKEN_EXPIRE_MINUTES", "Minutes that an access token lasts.", default=30)
    refresh_days: int = setting("REFRESH_TOKEN_EXPIRE_DAYS", "Days that a refresh token lasts.", default=7)

    allow_origins: tuple[str, ...] = setting(
        "ALLOW_ORIGINS", "Web pages that may call the API: exact origins, comma-separated.", default=()
    )
    address_per_minute: int = setting(
        "RATE_LIMIT_ADDRESS_PER_MINUTE", "Requests a minute, address and instance, signed in or not.", default=600
    )
    logins_per_minute: int = setting(
        "RATE_LIMIT_LOGIN_PER_MINUTE", "Log-ins a minute and account; an address may try four times as many.", default=5
    )
    proxies: int = setting(
        "TRUSTED_PROXIES", "Proxies in front that append to X-Forwarded-For: Google's one, Hosting's too.", default=1
    )

    def __post_init__(self) -> None:
        names = {field.name: field.metadata["name"] for field in dataclasses.fields(self)}
        for door, key, secrets in (
            ("hmac", "shared_secret", [self.shared_secret]),
            ("jwt", "secret_keys", self.secret_keys or [""]),
        ):
            if getattr(self, door) and not all(is_strong(secret) for secret in secrets):
                raise SettingError(
                    f"{names[key]} must be at least {_SECRET_BYTES} random bytes (openssl rand -hex 32), "
                    f"or {names[door]} false."
                )
        for field in dataclasses.fields(self):
            if field.type == "int" and getattr(self, field.name) < 1:
                raise SettingError(f"{names[field.name]}: {getattr(self, field.name)} must be at least 1.")
        if not keys.is_id(self.hmac_user):
            raise SettingError("DAEZEND_USER_ID must be letters, digits, _ and -.")
        for origin in self.allow_origins:
            if not _ORIGIN.fullmatch(origin):
                raise SettingError(f"ALLOW_ORIGINS: {origin!r} is no origin such as https://app.example.com.")
        if self.access_minutes > _LONGEST_ACCESS_MINUTES:
            raise SettingError(f"ACCESS_TOKEN_EXPIRE_MINUTES: at most {_LONGEST_ACCESS_MINUTES}, then refresh.")


def is_strong(secret: str) -> bool:
    """Long enough, and not one character over and over: what `changeme` and its like fail."""
    return len(secret.encode()) >= _SECRET_BYTES and len(set(secret)) >= 10
