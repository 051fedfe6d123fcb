"""The whole cloud on one machine: every service started, each told where the others are, all stopped again.

    supervisor (this process, one event loop)          child processes
      functions host ── events, pushes, schedules        Firestore emulator, Pub/Sub emulator (Java)
      Cloud Tasks, RunPod, the bucket's gate             moto behind the gate
      Auth, App Check, OIDC, FCM                         functions/main.py, served as in production
      a Firestore proxy, where faults are wanted         one process per GPU worker: gpu_job/handler.py, or
      Cloud Run's front, with gpu_backend="http"           gpu_job/server.py

Production code learns of none of this: all it gets is the environment variables of `functions_environment` and
`worker_environment`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from localcloud.bucket.gate import BucketGate
from localcloud.bucket.moto_process import moto_server_argv
from localcloud.bucket.signature import Credentials
from localcloud.clock import Clock
from localcloud.cloud_run import CloudRun
from localcloud.emulators.firestore import FirestoreEmulator
from localcloud.emulators.ports import free_port
from localcloud.emulators.pubsub import PubSubEmulator
from localcloud.fault_points import FaultPoints
from localcloud.faults import Faults
from localcloud.fcm import FcmServer
from localcloud.firestore_proxy import FirestoreProxy
from localcloud.functions.host import FunctionsHost
from localcloud.identity.app_check import AppCheckServer
from localcloud.identity.auth import AuthServer
from localcloud.identity.oidc import OidcServer
from localcloud.phone import Endpoints
from localcloud.processes import Child
from localcloud.queues import gpu_queue, queue_of
from localcloud.runpod import RunPodServer
from localcloud.state import State
from localcloud.tasks import TasksServer
from localcloud.workers import RunPodEndpoint, WorkerPool

ROOT = Path(__file__).parents[1]
REGION = "us-central1"
BUCKET = "storyvoice"
SERVICE_ACCOUNT = "functions@localcloud.iam.gserviceaccount.com"
CREDENTIALS = Credentials("local-access-key", "local-secret-access-key")
RUNPOD_KEY = "local-runpod-key"
ENDPOINT_ID = "voice"  # one endpoint serves both kinds of job, as a small deployment would have it
log = logging.getLogger(__name__)


class Service(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True)
class Options:
    """How a local cloud is to be. `ports` names services that want a certain one, if it is free."""

    project: str = "demo-storyvoice"
    data_dir: Path | None = None
    faults: str = ""
    seed: int = 0
    workers: int = 1
    worker_concurrency: int = 2
    engine: str = "piper"
    gpu_backend: str = "runpod"  # or "http": workers behind Cloud Run, with a queue in front
    schedules: bool = True
    firestore_proxy: bool = False
    fault_points: bool = False  # in our own processes, so that they can be made to die between two lines
    functions_env: dict[str, str] = field(default_factory=dict)
    worker_env: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)


class LocalCloud:
    """`await start()`, use it, `await stop()`. Everything is on the event loop that starts it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.run_dir = Path(tempfile.mkdtemp(prefix="storyvoice-cloud-"))
        self.clock = Clock()
        self.faults = Faults(options.seed)
        self.faults.set(options.faults)
        self.shared_secret, self.secret_key = secrets.token_hex(32), secrets.token_hex(32)  # of the API, for this run
        data = options.data_dir
        if data is not None:
            data.mkdir(parents=True, exist_ok=True)
        self.state = State(data / "state.sqlite" if data else ":memory:")
        self._make_services(data)
        self._stopping: list[Callable[[], Awaitable[object]]] = []
        self._is_up = False

    def _make_services(self, data: Path | None) -> None:
        options, project = self.options, self.options.project
        port = options.ports.get
        self.app_check = AppCheckServer(project, self.state, self.clock, port("app_check", 0))
        self.oidc = OidcServer(project, self.clock)
        self.fcm = FcmServer(project, self.state, self.clock, self.faults, port("fcm", 0))
        self.tasks = TasksServer(self.state, self.clock, self.faults, self.oidc.mint, port("tasks", 0))
        self.runpod = RunPodServer(self.state, self.clock, self.faults, RUNPOD_KEY, port("runpod", 0))
        moto_port = free_port()
        self.moto = Child("moto", moto_server_argv(moto_port), env=_environment(), log=self.run_dir / "moto.log")
        self.bucket = BucketGate(
            f"http://127.0.0.1:{moto_port}",
            BUCKET,
            CREDENTIALS,
            self.clock,
            self.faults,
            port=port("bucket") or free_port(),
        )
        self._functions_port = port("functions") or free_port()
        self.functions_address = f"127.0.0.1:{self._functions_port}"
        self.fault_points = FaultPoints(self.faults, self._kill) if options.fault_points else None
        self.cloud_run: CloudRun | None = None
        if options.gpu_backend == "http":
            self.cloud_run = CloudRun(self.oidc.verify, SERVICE_ACCOUNT, options.worker_concurrency)
        platform = self.cloud_run or RunPodEndpoint(self.runpod, ENDPOINT_ID)
        self.workers = WorkerPool(platform, self.run_dir, self.fault_points)
        self._make_firebase(data)

    def _make_firebase(self, data: Path | None) -> None:
        """Google's emulators, and our own Auth. The official suite takes their place in localcloud/firebase_suite."""
        options, project = self.options, self.options.project
        port = options.ports.get
        self.auth = AuthServer(project, self.state, self.clock, port("auth", 0))
        self.firestore = FirestoreEmulator(
            project,
            run_dir=self.run_dir,
            port=port("firestore"),
            rules=ROOT / "firestore.rules",
            events_to=self.functions_address,
            data_dir=data / "firestore" if data else None,
        )
        self.pubsub = PubSubEmulator(project, run_dir=self.run_dir, port=port("pubsub"))
        self.proxy = FirestoreProxy(self.firestore.address, self.clock, self.faults)

    async def start(self) -> None:
        """Returns when a request would be served. Raises what the first service to fail raises, after stopping all."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        # The JVMs take longest: they start first, and everything of ours starts beside them.
        emulators = asyncio.create_task(self._start_emulators())
        moto = asyncio.create_task(self._start_bucket())
        for service in self._light_services():
            await self._started(service)
        functions = asyncio.create_task(self._start_functions())
        await self.workers.start(self.options.workers, self.worker_environment())
        self._stopping.append(self.workers.stop)
        await asyncio.gather(emulators, moto, functions)
        for spec in self.functions.functions.values():
            if spec.kind == "task":
                self.tasks.create_queue(queue_of(spec, self.options.project))
        gpus = self.options.workers * self.options.worker_concurrency
        self.tasks.create_queue(gpu_queue(self.options.project, REGION, gpus))
        await self._connect()
        await self.workers.ready()
        self._is_up = True

    def _light_services(self) -> list[Service]:
        """In this process and up in a moment. Their ports may be free ones, so they start before others are told."""
        services: list[Service] = [self.app_check, self.oidc, self.fcm, self.tasks, self.runpod]
        services += self._firebase_in_process()
        return [*services, *(extra for extra in (self.cloud_run, self.fault_points) if extra)]

    def _firebase_in_process(self) -> list[Service]:
        return [self.auth, self.proxy] if self.options.firestore_proxy else [self.auth]

    async def _start_emulators(self) -> None:
        await asyncio.gather(self._started(self.firestore), self._started(self.pubsub))

    async def _start_functions(self) -> None:
        self.functions = FunctionsHost(
            project=self.options.project,
            functions_dir=ROOT / "functions",
            env=self.functions_environment(),
            clock=self.clock,
            faults=self.faults,
            run_dir=self.run_dir,
            region=REGION,
            port=self._functions_port,
            schedules=self.options.schedules,
        )
        await self._started(self.functions)

    async def _connect(self) -> None:
        await self.functions.connect(self.firestore, self.pubsub)

    async def stop(self) -> None:
        """Keep what `data_dir` asks for, then stop everything, last started first. Safe to call twice."""
        if self.options.data_dir and self._is_up:
            await self._keep_documents()
            await self.bucket.save(self.options.data_dir / "bucket")
        self._is_up = False
        while self._stopping:
            stop = self._stopping.pop()
            try:
                await stop()
            except Exception:
                log.exception("a service did not stop as it should")
        self.state.close()
        shutil.rmtree(self.run_dir, ignore_errors=True)

    async def _keep_documents(self) -> None:
        await self.firestore.export()

    async def _started(self, service: Service) -> None:
        self._stopping.append(service.stop)
        await service.start()

    async def _start_bucket(self) -> None:
        self._stopping.append(self.moto.kill)
        await self.moto.start()
        await self._started(self.bucket)
        if self.options.data_dir:
            await self.bucket.load(self.options.data_dir / "bucket")

    async def _kill(self, kind: str, process_id: str) -> None:
        """For a fault point: the functions' instance, or a worker that has not died by itself meanwhile."""
        if kind == "functions":
            await self.functions.crash()
        elif process_id in self.workers.children:
            await self.workers.kill(process_id)

    async def quiet(self, seconds: float = 60) -> None:
        """Until no event, task or GPU job is left to be done. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while self.functions.depth() or self.tasks.depth() or self.runpod.depth():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    @property
    def firestore_address(self) -> str:
        return self.firestore.address

    @property
    def pubsub_address(self) -> str:
        return self.pubsub.address

    @property
    def auth_host(self) -> str:
        return self.auth.host

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(
            project=self.options.project,
            firestore=self.firestore_address,
            auth=self.auth_host,
            app_check=self.app_check.url,
            callables=f"http://{self.functions_address}/{self.options.project}/{REGION}",
        )

    def functions_environment(self) -> dict[str, str]:
        """What the functions are told: the same variables as in production, and Google's own for emulators."""
        return {
            **self._google_environment(),
            **self._bucket_environment(),
            "FIREBASE_AUTH_EMULATOR_HOST": self.auth_host,
            "APP_CHECK_EMULATOR_URL": self.app_check.url,
            "TASKS_ENDPOINT": f"http://127.0.0.1:{self.tasks.port}",
            "TASKS_SERVICE_ACCOUNT": SERVICE_ACCOUNT,
            "FCM_ENDPOINT": self.fcm.url,
            "DISPATCH_URL": f"{self.endpoints.callables}/dispatchJob",
            "RUNPOD_API_BASE": f"http://127.0.0.1:{self.runpod.port}/v2",
            "RUNPOD_API_KEY": RUNPOD_KEY,
            "VC_CB_ENDPOINT_ID": ENDPOINT_ID,
            "TTS_CB_ENDPOINT_ID": ENDPOINT_ID,
            "DAEZEND_API_SHARED_SECRET": self.shared_secret,
            "SECRET_KEY": self.secret_key,
            "DEFAULT_VOICE": "engine",
            "WAITING_REQUESTS": "4",  # of the few threads that all functions share here
            "WEBHOOK_DELIVERY_URL": f"{self.endpoints.callables}/deliverWebhook",
            "WEBHOOK_TRUSTED_HOSTS": "127.0.0.1,localhost",
            **({"GPU_BACKEND": "http", "GPU_HTTP_URL": f"{self.cloud_run.url}/run"} if self.cloud_run else {}),
            **(self.fault_points.environment("functions", "functions") if self.fault_points else {}),
            **self.options.functions_env,
        }

    def worker_environment(self) -> dict[str, str]:
        """What a worker is told, apart from what RunPod itself would say."""
        return {
            **_environment(),
            **self._google_environment(),
            **self._bucket_environment(),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'functions'}",
            "TMPDIR": str(self.run_dir),  # what a killed worker leaves behind goes when the cloud goes
            "ENGINE": self.options.engine,
            "WORKER_CONCURRENCY": str(self.options.worker_concurrency),
            **self.options.worker_env,
        }

    def _google_environment(self) -> dict[str, str]:
        return {
            "GOOGLE_CLOUD_PROJECT": self.options.project,
            "FIRESTORE_EMULATOR_HOST": self.proxy.host if self.options.firestore_proxy else self.firestore_address,
            "PUBSUB_EMULATOR_HOST": self.pubsub_address,
            "GOOGLE_APPLICATION_CREDENTIALS": str(
                self.oidc.credentials_file(self.run_dir / "credentials.json", SERVICE_ACCOUNT)
            ),
        }

    def _bucket_environment(self) -> dict[str, str]:
        return {
            "R2_ENDPOINT": self.bucket.url,
            "R2_BUCKET": BUCKET,
            "R2_ACCESS_KEY_ID": CREDENTIALS.access_key_id,
            "R2_SECRET_ACCESS_KEY": CREDENTIALS.secret_access_key,
        }


def _environment() -> dict[str, str]:
    """What every child needs of this process's environment, and no more: no settings leak in by accident."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
