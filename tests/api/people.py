"""Who calls the API in tests: nobody, a user of the app, a user with a password, an internal service."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

import httpx

from localcloud.phone import Phone, new_id
from tests.api.service import Service
from tests.cloud import TestCloud

Fields = dict[str, Any]
PASSWORD = "securepassword123"


def somewhere() -> dict[str, str]:
    """An address of its own, so that no test uses up what another may ask."""
    return {"X-Forwarded-For": str(ipaddress.IPv4Address(random.getrandbits(32)))}


def api(cloud: TestCloud) -> httpx.Client:
    """Nobody, calling from somewhere."""
    return httpx.Client(base_url=cloud.api_url, headers=somewhere(), timeout=60)


class Member:
    """Somebody who has registered and logged in."""

    def __init__(self, http: httpx.Client, username: str | None = None) -> None:
        self.http = http
        self.username = username or f"member-{new_id()}"
        body = {"username": self.username, "email": "john@example.com", "password": PASSWORD, "full_name": "John Doe"}
        answer = http.post("/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        self.user_id: str = answer.json()["user_id"]
        self.tokens: Fields = self.log_in().json()

    def log_in(self, password: str = PASSWORD) -> httpx.Response:
        return self.http.post("/auth/login", json={"username": self.username, "password": password})

    def refresh(self, token: str) -> httpx.Response:
        return self.http.post("/auth/refresh", json={"refresh_token": token})

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}


def app_user(phone: Phone) -> dict[str, str]:
    """What the app sends with every call."""
    return {"Authorization": f"Bearer {phone.id_token}", "X-Firebase-AppCheck": phone.app_check_token}


__all__ = ["PASSWORD", "Member", "Service", "api", "app_user", "somewhere"]
