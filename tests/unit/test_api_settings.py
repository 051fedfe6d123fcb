"""The API's settings: weak secrets, open origins and endless tokens are refused before anybody is served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.settings import ApiSettings, is_strong
from jobs.config import SettingError, load

FUNCTIONS = Path(__file__).parents[2] / "functions"
STRONG, OTHER = "0123456789abcdef" * 4, "fedcba9876543210" * 4
SECRETS = {"SECRET_KEY": STRONG, "DAEZEND_API_SHARED_SECRET": OTHER}


def test_every_door_has_its_lock_by_default() -> None:
    settings = load(ApiSettings, SECRETS)
    assert (settings.hmac, settings.firebase_auth, settings.app_check, settings.jwt) == (True, True, True, True)
    assert settings.allow_origins == ()
    assert (settings.access_minutes, settings.refresh_days) == (30, 7)
    assert (settings.hmac_skew_seconds, settings.idempotency_seconds) == (300, 86_400)


def test_keys_rotate_in_one_setting() -> None:
    assert load(ApiSettings, {**SECRETS, "SECRET_KEY": f"{STRONG},{OTHER}"}).secret_keys == (STRONG, OTHER)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "changeme"}, "SECRET_KEY"),
        ({"SECRET_KEY": f"{STRONG},changeme"}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 64}, "SECRET_KEY"),
        ({"DAEZEND_API_SHARED_SECRET": ""}, "DAEZEND_API_SHARED_SECRET"),
        ({"DAEZEND_API_SHARED_SECRET": "secret"}, "DAEZEND_API_SHARED_SECRET"),
        ({"ALLOW_ORIGINS": "*"}, "ALLOW_ORIGINS"),
        ({"ALLOW_ORIGINS": "https://a.example.com/"}, "ALLOW_ORIGINS"),
        ({"ALLOW_ORIGINS": "https://a.example.com,example.com"}, "ALLOW_ORIGINS"),
        ({"ACCESS_TOKEN_EXPIRE_MINUTES": "61"}, "ACCESS_TOKEN_EXPIRE_MINUTES"),
        ({"REFRESH_TOKEN_EXPIRE_DAYS": "0"}, "REFRESH_TOKEN_EXPIRE_DAYS"),
        ({"HMAC_MAX_SKEW_SECONDS": "-1"}, "HMAC_MAX_SKEW_SECONDS"),
        ({"DAEZEND_USER_ID": "a/b"}, "DAEZEND_USER_ID"),
    ],
)
def test_what_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(ApiSettings, {**SECRETS, **changes})
    assert said in refused.value.message
    for value in changes.values():
        assert "SECRET" not in said or not value or value not in refused.value.message


def test_a_door_that_is_off_needs_no_key() -> None:
    off = {"SECURITY_ENABLE_HMAC": "false", "SECURITY_ENABLE_JWT": "false"}
    assert not load(ApiSettings, off).hmac


@pytest.mark.parametrize(
    ("secret", "strong"), [("", False), ("x" * 99, False), ("0123456789" * 3, False), (STRONG, True)]
)
def test_what_a_key_is(secret: str, strong: bool) -> None:
    assert is_strong(secret) is strong


@pytest.mark.parametrize(("target", "starts"), [("api", False), ("dispatchJob", True)])
def test_an_instance_of_the_api_without_keys_does_not_start(target: str, starts: bool) -> None:
    """As the platform starts it: FUNCTION_TARGET says which function it is. Others have no use for these keys."""
    env = {"PATH": os.environ["PATH"], "FUNCTION_TARGET": target}
    command = [sys.executable, "-c", "import main"]
    done = subprocess.run(command, cwd=FUNCTIONS, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0) is starts, done.stderr
    assert starts or "SettingError: DAEZEND_API_SHARED_SECRET must be" in done.stderr
