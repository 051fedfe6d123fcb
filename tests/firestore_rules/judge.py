"""A project of the emulator with rules in force, which checks are put to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import grpc
import grpc.aio

from localcloud.emulators.firestore import FirestoreEmulator
from tests.firestore_rules.checks import Check
from tests.firestore_rules.operations import SERVER, seeding
from tests.firestore_rules.samples import WORLD

_AT_ONCE = 12
_TRIES = 5
Call = tuple[str, bytes, tuple[tuple[str, str], ...]]


class Judge:
    """Say what rules decide. Used on the event loop that the emulator was started on."""

    def __init__(self, emulator: FirestoreEmulator, project: str, checks: Sequence[Check]) -> None:
        self.project = project
        self._emulator = emulator
        self._channel = grpc.aio.insecure_channel(emulator.address)
        metadata = {actor: actor.metadata(project) for actor in {check.actor for check in checks} | {SERVER}}
        self._calls: dict[Check, Call] = {
            check: (*check.operation.call(project), metadata[check.actor]) for check in checks
        }
        self._given: dict[Check, Call] = {
            check: (*seeding(project, check.given), metadata[SERVER]) for check in checks if check.given
        }
        self._world: Call = (*seeding(project, WORLD), metadata[SERVER])

    async def close(self) -> None:
        await self._channel.close()

    async def enforce(self, rules: str) -> None:
        """From now on these. Raises EmulatorError where they do not compile."""
        body = {"ignore_errors": False, "rules": {"files": [{"name": "firestore.rules", "content": rules}]}}
        await self._emulator.call("PUT", f"/emulator/v1/projects/{self.project}:securityRules", body)

    async def reset(self) -> None:
        """Only the documents that the checks share."""
        await self._emulator.call("DELETE", f"/emulator/v1/projects/{self.project}/databases/(default)/documents")
        await self._send(self._world)

    async def allows(self, check: Check) -> bool:
        """Raises whatever is neither a yes nor a denial: a check that fails for another reason says nothing."""
        if check in self._given:
            await self._send(self._given[check])
        try:
            await self._send_until_decided(self._calls[check])
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                return False
            raise AssertionError(f"{check.name}: {error.code().name} {error.details()}") from error
        return True

    async def disagreements(self, checks: Iterable[Check]) -> list[Check]:
        """Those that are decided otherwise than expected."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def decide(check: Check) -> bool:
            async with gate:
                return await self.allows(check)

        checks = list(checks)
        decided = await asyncio.gather(*(decide(check) for check in checks))
        return [check for check, allowed in zip(checks, decided, strict=True) if allowed is not check.allowed]

    async def first_disagreement(self, checks: Sequence[Check]) -> Check | None:
        """The first that is noticed, some at once, in this order."""
        for start in range(0, len(checks), _AT_ONCE):
            found = await self.disagreements(checks[start : start + _AT_ONCE])
            if found:
                return found[0]
        return None

    async def _send_until_decided(self, call: Call) -> None:
        """On a busy machine the emulator gives up on a document that other checks hold: that is no decision."""
        for _ in range(_TRIES - 1):
            try:
                return await self._send(call)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.ABORTED:
                    raise
        return await self._send(call)

    async def _send(self, call: Call) -> None:
        method, request, metadata = call
        path = f"/google.firestore.v1.Firestore/{method}"
        if method == "Commit":
            await self._channel.unary_unary(path, _as_it_is, _as_it_is)(request, metadata=metadata)
            return
        async for _ in self._channel.unary_stream(path, _as_it_is, _as_it_is)(request, metadata=metadata):
            pass


def _as_it_is(message: bytes) -> bytes:
    return message
