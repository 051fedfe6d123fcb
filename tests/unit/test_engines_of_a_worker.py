"""Which of a worker's engines does a job: the one of its model."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.instant_engine import InstantEngine
from gpu_job.assembled import make_worker
from gpu_job.engines.piper import PiperEngine
from gpu_job.engines.registry import load_engine
from gpu_job.settings import Settings
from gpu_job.worker import Worker
from jobs.config import SettingError, load
from jobs.errors import FailedPrecondition
from tests.unit.story_time import a_job

ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "demo-p",
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",  # nothing is connected to
    "R2_ENDPOINT": "http://127.0.0.1:1",
    "R2_BUCKET": "b",
    "R2_ACCESS_KEY_ID": "k",
    "R2_SECRET_ACCESS_KEY": "s",
}


def worker(engines: str, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", ENVIRONMENT["FIRESTORE_EMULATOR_HOST"])
    environment = {**ENVIRONMENT, "ENGINE": engines}
    return make_worker(load(Settings, environment), environment)


@pytest.mark.parametrize(
    ("model", "engine"),
    [("piper", PiperEngine), ("instant", InstantEngine), (None, PiperEngine), ("chatterbox", PiperEngine)],
)
def test_a_job_gets_the_engine_of_its_model(
    model: str | None, engine: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that asks for nothing gets the first; so does one that asks for what is not here, and the task refuses it."""
    two = worker("piper, benchmarks.instant_engine:InstantEngine", monkeypatch)
    assert type(two._engine_for(a_job(input={"modelType": model}))) is engine


def test_no_engine_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="ENGINE names no engine"):
        worker(" , ", monkeypatch)


def test_chatterbox_without_its_packages_says_what_to_install() -> None:
    with pytest.raises(FailedPrecondition, match=r"requirements\.txt and torch\.txt") as refused:
        load_engine("chatterbox")
    assert "torch" in refused.value.message
