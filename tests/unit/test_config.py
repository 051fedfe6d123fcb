"""Settings from the environment: what is read, what is missing, and that a secret's value is never said."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from backend.settings import Settings
from jobs.config import REQUIRED, SettingError, describe, load, setting

ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "demo",
    "R2_ENDPOINT": "https://account.r2.cloudflarestorage.com",
    "R2_BUCKET": "stories",
    "R2_ACCESS_KEY_ID": "id",
    "R2_SECRET_ACCESS_KEY": "secret",
    "RUNPOD_API_KEY": "key",
    "VC_CB_ENDPOINT_ID": "clone",
    "TTS_CB_ENDPOINT_ID": "narrate",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    name: str = setting("NAME", "Who.")
    count: int = setting("COUNT", "How many.", default=3)
    rate: float = setting("RATE", "How fast.", default=1.5)
    on: bool = setting("ON", "Whether.", default=False)
    tags: tuple[str, ...] = setting("TAGS", "Which.", default=())
    pin: int = setting("PIN", "A secret number.", default=0, secret=True)
    other: str = setting("OTHER", "What else.")


def test_values_are_read_as_their_type() -> None:
    environ = {"NAME": "n", "OTHER": "o", "COUNT": "7", "RATE": "0.25", "ON": "Yes", "TAGS": " a, b ,,", "PIN": "12"}
    assert load(Example, environ) == Example(name="n", count=7, rate=0.25, on=True, tags=("a", "b"), pin=12, other="o")


def test_an_empty_value_is_none() -> None:
    assert load(Example, {"NAME": "n", "OTHER": "o", "COUNT": "", "TAGS": ""}) == Example(name="n", other="o")


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingError, match=r"^Set NAME, OTHER in the environment"):
        load(Example, {"NAME": ""})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("COUNT", "many", "COUNT: 'many' is not a whole number."),
        ("RATE", "fast", "RATE: 'fast' is not a number."),
        ("ON", "maybe", "ON: 'maybe' is not true or false."),
        ("PIN", "hunter2", "PIN: its value is not a whole number."),
    ],
)
def test_what_cannot_be_read_is_shown_unless_it_is_secret(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(Example, {"NAME": "n", "OTHER": "o", name: value})
    assert refused.value.message == said


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("TRUE", True), ("off", False), ("0", False)])
def test_truth_in_several_words(value: str, *, expected: bool) -> None:
    assert load(Example, {"NAME": "n", "OTHER": "o", "ON": value}).on is expected


def test_descriptions_come_in_order_and_say_what_is_required() -> None:
    described = list(describe(Example))
    assert [line.name for line in described] == ["NAME", "COUNT", "RATE", "ON", "TAGS", "PIN", "OTHER"]
    assert [line.name for line in described if line.required] == ["NAME", "OTHER"]
    assert [line.name for line in described if line.secret] == ["PIN"]
    assert described[0].default is REQUIRED


def test_the_functions_settings() -> None:
    settings = load(Settings, ENVIRONMENT)
    assert settings.queue_path("q") == "projects/demo/locations/us-central1/queues/q"
    assert settings.dispatch_target == "https://us-central1-demo.cloudfunctions.net/dispatchJob"
    assert load(Settings, {**ENVIRONMENT, "DISPATCH_URL": "http://x"}).dispatch_target == "http://x"
    names = [line.name for line in describe(Settings)]
    assert len(names) == len(set(names))
    assert {line.name for line in describe(Settings) if line.secret} == {
        "R2_ACCESS_KEY_ID",
        "R2_SECRET_ACCESS_KEY",
        "RUNPOD_API_KEY",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"GPU_BACKEND": "cuda"}, "GPU_BACKEND: 'cuda' is not one of runpod, http."),
        ({"GPU_BACKEND": "http"}, "GPU_BACKEND is http: set GPU_HTTP_URL, too."),
        (
            {"RUNPOD_API_KEY": "", "VC_CB_ENDPOINT_ID": ""},
            "GPU_BACKEND is runpod: set RUNPOD_API_KEY, VC_CB_ENDPOINT_ID, too.",
        ),
        (
            {"RATE_LIMIT_TTS_PER_MINUTE": "0"},
            "RATE_LIMIT_TTS_PER_MINUTE: 0 is not a rate; it must be at least 1.",
        ),
    ],
)
def test_settings_that_do_not_fit_together(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(Settings, {**ENVIRONMENT, **changes})
    assert refused.value.message == said


def test_the_http_backend_needs_no_runpod() -> None:
    environ = {key: value for key, value in ENVIRONMENT.items() if "ENDPOINT_ID" not in key and key != "RUNPOD_API_KEY"}
    assert load(Settings, {**environ, "GPU_BACKEND": "http", "GPU_HTTP_URL": "https://gpu"}).gpu_http_url
