"""The door for users of the app: their ID token, and App Check as the second lock."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx
import pytest

from localcloud.phone import Phone
from tests.api.people import Member, Service, api, app_user
from tests.cloud import TestCloud


@pytest.fixture
def http(cloud: TestCloud) -> Iterator[httpx.Client]:
    with api(cloud) as client:
        yield client


def test_a_user_is_who_the_token_says(http: httpx.Client, phone: Phone) -> None:
    assert http.get("/profile", headers=app_user(phone)).json() == {"user_id": phone.user_id}


@pytest.mark.parametrize("name", ["Authorization", "X-Firebase-AppCheck"])
@pytest.mark.parametrize("value", ["", "Bearer", "Basic eDp5", "Bearer a.b.c", "garbage", "Bearer a b"])
def test_a_credential_that_is_none(http: httpx.Client, phone: Phone, name: str, value: str) -> None:
    answer = http.get("/profile", headers={**app_user(phone), name: value})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert phone.user_id not in answer.text


@pytest.mark.parametrize("name", ["Authorization", "X-Firebase-AppCheck"])
def test_a_header_that_is_there_twice(http: httpx.Client, phone: Phone, name: str) -> None:
    headers = app_user(phone)
    twice = [*headers.items(), (name, headers[name])]
    assert http.get("/profile", headers=twice).status_code == 401


def test_a_token_of_another_project(http: httpx.Client, phone: Phone) -> None:
    header, payload, signature = phone.id_token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims |= {"aud": "another", "iss": "https://securetoken.google.com/another"}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    headers = {**app_user(phone), "Authorization": f"Bearer {header}.{forged}.{signature}"}
    assert http.get("/profile", headers=headers).status_code == 401


def test_a_sign_in_that_was_deleted_makes_nothing_any_more(http: httpx.Client, phone: Phone) -> None:
    """The token lives for an hour; a costly call asks whether its user does."""
    http.post(
        f"http://{phone.endpoints.auth}/identitytoolkit.googleapis.com/v1/accounts:delete?key=local",
        json={"idToken": phone.id_token},
    ).raise_for_status()
    assert http.get("/profile", headers=app_user(phone)).status_code == 200
    answer = http.post("/synthesize", headers=app_user(phone), json={"text": "Hello.", "voice_id": "default"})
    assert answer.status_code == 401, answer.text
    assert http.delete("/voices/none", headers=app_user(phone)).status_code == 401


def test_two_ways_at_once_are_none(http: httpx.Client, phone: Phone, service: Service) -> None:
    headers = {**app_user(phone), **service.signed("GET", "/profile", b"")}
    assert http.get("/profile", headers=headers).status_code == 400


def test_a_user_acts_for_nobody_else(http: httpx.Client, phone: Phone) -> None:
    member = Member(http)
    for headers, own in ((app_user(phone), phone.user_id), (member.headers, member.user_id)):
        assert http.get("/profile?user_id=another", headers=headers).status_code == 403
        assert http.get(f"/profile?user_id={own}", headers=headers).status_code == 200
        body = {"text": "Hello.", "voice_id": "default", "user_id": "another"}
        assert http.post("/synthesize", headers=headers, json=body).status_code == 403
