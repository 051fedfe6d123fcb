"""The examples of both systems' documents, as they stand there: only the address, and what they leave blank, is put in.

`seed_examples/` holds them word for word. The shell's variables are exported (`bash -a`), which the first one needs.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs import keys
from jobs.documents import QUOTAS
from tests.api.people import Member, api
from tests.cloud import RECORDING, TestCloud

Fields = dict[str, Any]
EXAMPLES = Path(__file__).parent / "seed_examples"
ONE, TWO = "https://runpod-chatterbox.fly.dev", "http://your-url"
# A program's argument holds 128 KB; nothing listens to this recording but its first bytes.
AUDIO = base64.b64encode(RECORDING[:60_000]).decode()


@pytest.fixture
def base(cloud: TestCloud) -> str:
    return cloud.api_url


@pytest.fixture
def http(cloud: TestCloud) -> Iterator[httpx.Client]:
    with api(cloud) as client:
        yield client


def example(name: str, **put_in: str) -> str:
    text = (EXAMPLES / name).read_text()
    for blank, value in put_in.items():
        assert blank in text, f"{name} has no {blank}"
        text = text.replace(blank, value)
    return text


def run(command: list[str], cloud: TestCloud, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # `python`, as the example calls it
    env = {"PATH": path, "HOME": str(folder), "DAEZEND_API_SHARED_SECRET": cloud.cloud.shared_secret}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(text: str, cloud: TestCloud, folder: Path) -> Fields:
    answer: Fields = json.loads(run(["bash", "-a", "-e", "-c", text], cloud, folder))
    return answer


def test_one_clones_by_curl(cloud: TestCloud, base: str, tmp_path: Path) -> None:
    text = example("clone.sh", **{ONE: base, "<base64>": AUDIO, '"wav"': '"flac"', '"chatterbox"': '"piper"'})
    queued = shell(text, cloud, tmp_path)
    assert queued["status"] == "queued"
    assert cloud.get(f"jobs/{queued['metadata']['job_id']}")["userId"] == "daezend"
    voice = cloud.get(f"voice_profiles/{queued['metadata']['voice_id']}")
    assert (voice["name"], voice["language"]) == ("voice_test", "en")


def test_one_as_it_stands_is_let_in_and_told_what_is_blank(cloud: TestCloud, base: str, tmp_path: Path) -> None:
    refused = shell(example("clone.sh", **{ONE: base}), cloud, tmp_path)
    assert (refused["code"], refused["detail"].split()[0]) == ("invalid_argument", "`audio_data`")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_one_signs_in_node(cloud: TestCloud, base: str, tmp_path: Path) -> None:
    send = f"""
    const answer = await fetch('{base}/api/voices/clone', {{ method: 'POST', body, headers: {{
      'Content-Type': 'application/json', 'X-Idempotency-Key': crypto.randomUUID(),
      'X-Daezend-Timestamp': timestamp, 'X-Daezend-Signature': sig }} }})
    console.log(JSON.stringify({{ status: answer.status, ...await answer.json() }}))
    """
    script = tmp_path / "sign.mjs"
    script.write_text(example("sign.mjs", **{"...": AUDIO, "'wav'": "'flac'"}) + send)
    answer = json.loads(run(["node", str(script)], cloud, tmp_path))
    assert answer["status"] == "queued", answer
    assert cloud.get(f"voice_profiles/{answer['metadata']['voice_id']}")["name"] == "voice_abc"


@pytest.fixture
def john_may_try(cloud: TestCloud) -> None:
    """However often others have: the examples of the OpenAPI file name him, too."""
    cloud.admin.document(f"{QUOTAS}/{keys.derived_id('login as', 'johndoe')}").delete()


@pytest.fixture
def john(http: httpx.Client, john_may_try: None) -> None:
    """There is one John to a cloud, and several tests need him."""
    if http.post("/auth/login", json={"username": "johndoe", "password": "securepassword123"}).status_code != 200:
        Member(http, "johndoe")


@pytest.mark.usefixtures("john_may_try")
def test_two_registers_logs_in_and_lists_by_curl(cloud: TestCloud, base: str, tmp_path: Path) -> None:
    registered = shell(example("register.sh", **{TWO: base}), cloud, tmp_path)
    assert registered.get("username") == "johndoe" or registered["code"] == "already_exists"
    tokens = shell(example("log_in.sh", **{TWO: base}), cloud, tmp_path)
    assert tokens["token_type"] == "bearer"
    listed = shell(example("voices.sh", **{TWO: base, "YOUR_ACCESS_TOKEN": tokens["access_token"]}), cloud, tmp_path)
    assert [voice["voice_id"] for voice in listed["voices"]] == ["default"]


@pytest.mark.usefixtures("john")
def test_two_speaks_and_downloads_in_python(cloud: TestCloud, base: str, tmp_path: Path) -> None:
    script = tmp_path / "synthesize.py"
    script.write_text(example("synthesize.txt", **{TWO: base}))
    run([sys.executable, str(script)], cloud, tmp_path)
    assert (tmp_path / "output.wav").read_bytes()[:4] == b"RIFF"
