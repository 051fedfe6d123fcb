"""Google Secret Manager over REST: versions of a secret, the newest value, one more. Values are never shown or logged.

Source: the REST reference of Secret Manager v1 (projects.secrets.versions, addVersion, access).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from jobs.errors import FailedPrecondition, NotFound, Unavailable

ENDPOINT = "https://secretmanager.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
Fields = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """`state`: ENABLED, DISABLED or DESTROYED; `created` as Google writes times."""

    number: str
    state: str
    created: str


class SecretManager:
    """The secrets of one project. `access` gives an access token."""

    def __init__(self, project: str, access: Callable[[], str], endpoint: str = ENDPOINT) -> None:
        self._base = f"{endpoint.rstrip('/')}/v1/projects/{project}/secrets"
        self._access = access
        self._http = httpx.Client(timeout=_TIMEOUT)

    def versions(self, secret: str) -> list[Version]:
        """Newest first. Raises NotFound."""
        found: list[Version] = []
        page = ""
        while True:
            answer = self._call("GET", f"/{secret}/versions?pageToken={page}")
            found += [
                Version(each["name"].rpartition("/")[2], each["state"], each.get("createTime", ""))
                for each in answer.get("versions", [])
            ]
            page = answer.get("nextPageToken", "")
            if not page:
                return found

    def newest(self, secret: str) -> str:
        """Raises NotFound when there is no version that may be read."""
        answer = self._call("GET", f"/{secret}/versions/latest:access")
        return base64.b64decode(answer["payload"]["data"]).decode()

    def add(self, secret: str, value: str) -> str:
        """Returns the new version's number."""
        data = base64.b64encode(value.encode()).decode()
        answer = self._call("POST", f"/{secret}:addVersion", {"payload": {"data": data}})
        return str(answer["name"]).rpartition("/")[2]

    def _call(self, method: str, path: str, body: Fields | None = None) -> Fields:
        headers = {"Authorization": f"Bearer {self._access()}"}
        try:
            response = self._http.request(method, self._base + path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable("Secret Manager cannot be reached at the moment.") from error
        if response.status_code == 404:
            raise NotFound("There is no such secret in Secret Manager, or no version of it.")
        if response.status_code == 429 or response.status_code >= 500:
            raise Unavailable("Secret Manager is not answering as it should at the moment.")
        if response.status_code != 200:
            raise FailedPrecondition("Secret Manager refuses us: check the project and the account's roles.")
        answer: Fields = response.json()
        return answer
