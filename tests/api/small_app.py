"""The API in this process, with routes of a test's own: what no route of ours does (fail, wait, answer at length)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from msgspec import Struct
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request

from backend.api.app import App
from backend.api.routing import CLIENTS, PUBLIC, Call, Routes
from backend.services import Lazy, Services
from backend.settings import ApiSettings
from jobs.errors import Unavailable
from tests.unit.functions_world import FunctionsWorld

SECRET = hashlib.sha256(b"a secret of tests").hexdigest()


class Note(Struct, kw_only=True, forbid_unknown_fields=True):
    text: str = ""


class Made(Struct, kw_only=True):
    id: str
    text: str


class Small:
    """`meanwhile` is called while POST /notes is being handled; `made` are the ids of its notes."""

    def __init__(self, world: FunctionsWorld, **settings: Any) -> None:
        self.world = world
        self.services: Services = world.services
        known: dict[str, Any] = {"shared_secret": SECRET, "secret_keys": (SECRET,), **settings}
        self.services.api_settings = Lazy(lambda: ApiSettings(**known))
        self.made: list[str] = []
        self.meanwhile: list[Any] = []
        self.app = App(self.services, self._routes().all)
        self.client = Client(lambda environ, start: self.app.handle(Request(environ))(environ, start))

    def _routes(self) -> Routes:
        routes = Routes("Notes")

        @routes.get("/open", doors=PUBLIC, answers={200: Note})
        def open_to_all(call: Call) -> Note:
            return Note(text=call.address)

        @routes.get("/broken", doors=PUBLIC, answers={200: Note})
        def broken(call: Call) -> Note:
            raise LookupError("a library's words")

        @routes.get("/away", doors=PUBLIC, answers={200: Note})
        def away(call: Call) -> Note:
            raise Unavailable("The database is away.")

        @routes.get("/mine", doors=CLIENTS, answers={200: Note})
        def mine(call: Call) -> Note:
            return Note(text=call.user_id)

        @routes.post("/notes", doors=CLIENTS, answers={201: Made}, max_body=1000)
        def note(call: Call, body: Note) -> Made:
            self.made.append(call.new_id())
            call.reply_headers["Location"] = f"/notes/{self.made[-1]}"
            while self.meanwhile:
                self.meanwhile.pop()()
            return Made(id=self.made[-1], text=body.text)

        return routes

    def token(self, user_id: str = "u1") -> str:
        accounts = self.app._accounts
        assert accounts is not None
        return accounts.tokens.access_token(user_id)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={"Authorization": f"Bearer {self.token()}", **headers})

    def note(self, text: str, key: str | None, user_id: str = "u1") -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token(user_id)}"}
        if key is not None:
            headers["X-Idempotency-Key"] = key
        return self.client.post("/notes", json={"text": text}, headers=headers)


@pytest.fixture
def small(functions: FunctionsWorld) -> Small:
    return Small(functions)
