"""Register, log in, refresh, delete: seed two's accounts, and what somebody learns who tries other people's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from backend.api import passwords
from backend.api.accounts import Accounts
from backend.api.schemas.auth import Login, Register
from backend.api.tokens import is_ours
from jobs.errors import Unauthenticated
from localcloud.phone import new_id
from tests.api.people import PASSWORD, Member, api, somewhere
from tests.api.small_app import Small, small
from tests.cloud import TestCloud

__all__ = ["small"]


@pytest.fixture
def http(cloud: TestCloud) -> Iterator[httpx.Client]:
    with api(cloud) as client:
        yield client


@pytest.fixture
def member(http: httpx.Client) -> Member:
    return Member(http)


def test_who_has_registered_is_known(http: httpx.Client, member: Member) -> None:
    assert member.tokens["token_type"] == "bearer"
    assert member.tokens["expires_in"] == 1800
    assert is_ours(member.tokens["refresh_token"])
    profile = http.get("/profile", headers=member.headers).json()
    assert profile.pop("created_at").startswith("20")
    assert profile == {
        "user_id": member.user_id,
        "username": member.username,
        "email": "john@example.com",
        "full_name": "John Doe",
    }


def test_a_password_is_kept_as_a_hash_only(cloud: TestCloud, member: Member) -> None:
    account = cloud.get(f"accounts/{member.user_id}")
    assert account["passwordHash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in str(account)
    log = (cloud.cloud.run_dir / "functions.log").read_text()
    for secret in (PASSWORD, "john@example.com", member.username, *member.tokens.values()):
        assert str(secret) not in log or secret in ("bearer", 1800)


def test_a_name_is_taken_however_it_is_written(http: httpx.Client, member: Member) -> None:
    body = {"username": member.username.upper(), "email": "jane@example.com", "password": "anothersecret"}
    answer = http.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (409, "This username is taken. Please choose another.")
    assert Member(http).user_id != member.user_id, "an e-mail address may be anybody's"


def test_log_in_as_it_was_written_or_not(member: Member) -> None:
    member.username = member.username.upper()
    assert member.log_in().status_code == 200
    assert member.log_in(PASSWORD.upper()).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"username": "jo"},
        {"username": "john doe"},
        {"username": "x" * 65},
        {"username": None},
        {"password": "short12"},
        {"password": "x" * 257},
        {"email": "john"},
        {"email": "a@" + "b" * 260},
        {"full_name": "x" * 201},
        {"is_admin": True},
    ],
)
def test_what_cannot_be_registered(http: httpx.Client, change: dict[str, Any]) -> None:
    body = {"username": "john", "email": "john@example.com", "password": PASSWORD, **change}
    answer = http.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert str(next(iter(change))) in answer.json()["detail"]


# ── refresh ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_refresh_tokens_rotate(http: httpx.Client, member: Member) -> None:
    token = member.tokens["refresh_token"]
    for _ in range(3):
        answer = member.refresh(token)
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != token
        token = answer.json()["refresh_token"]
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert http.get("/profile", headers=headers).json()["user_id"] == member.user_id


def test_a_refresh_token_that_comes_again_ends_its_family_and_no_other(member: Member) -> None:
    stolen = member.tokens["refresh_token"]
    other = member.log_in().json()["refresh_token"]
    newest = member.refresh(stolen).json()["refresh_token"]

    assert member.refresh(stolen).status_code == 401
    assert member.refresh(newest).status_code == 401, "nobody can know whose it is"
    assert member.refresh(other).status_code == 200


def test_a_token_is_good_for_what_it_was_made_for(http: httpx.Client, member: Member) -> None:
    access, refresh = member.tokens["access_token"], member.tokens["refresh_token"]
    assert http.get("/profile", headers={"Authorization": f"Bearer {refresh}"}).status_code == 401
    assert member.refresh(access).status_code == 401
    assert http.get("/profile", headers=[("Authorization", f"Bearer {access}")] * 2).status_code == 401


# ── trying ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(http: httpx.Client, member: Member) -> None:
    answers = [member.log_in("wrong"), http.post("/auth/login", json={"username": "nobody", "password": PASSWORD})]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    varying = {"date", "x-request-id"}
    told = [{name: v for name, v in answer.headers.items() if name not in varying} for answer in answers]
    assert told[0] == told[1]


def test_and_cost_the_same(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reads and one verification each: what takes time does not depend on whether there is such an account."""
    accounts = Accounts(small.services)
    accounts.register(Register(username="john", email="john@example.com", password=PASSWORD))
    done: list[str] = []
    _note(monkeypatch, passwords, "fits", done)
    _note(monkeypatch, accounts, "_get", done)
    for username in ("john", "nobody"):
        with pytest.raises(Unauthenticated):
            accounts.log_in(Login(username=username, password="wrong"))
        assert done == ["_get", "_get", "fits"]
        done.clear()


def _note(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, done: list[str]) -> None:
    """Have each call of this function written down."""
    function = getattr(where, name)

    def noted(*arguments: Any) -> Any:
        done.append(name)
        return function(*arguments)

    monkeypatch.setattr(where, name, noted)


def test_nobodys_hash_is_made_as_todays_are() -> None:
    assert not passwords.is_outdated(passwords.NOBODYS)
    assert not passwords.fits("", passwords.NOBODYS)


def test_an_old_hash_is_renewed_at_log_in(small: Small) -> None:
    accounts = Accounts(small.services)
    user_id = accounts.register(Register(username="john", email="j@example.com", password=PASSWORD))["userId"]
    weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    small.world.patch(f"accounts/{user_id}", passwordHash=weaker)
    accounts.log_in(Login(username="john", password=PASSWORD))
    assert not passwords.is_outdated(small.world.get(f"accounts/{user_id}")["passwordHash"])
    assert accounts.log_in(Login(username="john", password=PASSWORD))


def test_an_account_is_tried_five_times_a_minute_from_wherever(http: httpx.Client) -> None:
    """Also one that there is not: what is answered here tells nobody either."""
    body = {"username": f"nobody-{new_id()}", "password": "x"}
    answers = [http.post("/auth/login", json=body, headers=somewhere()) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 12


def test_an_address_tries_twenty_accounts_a_minute(http: httpx.Client) -> None:
    statuses = [http.post("/auth/login", json={"username": f"n{n}", "password": "x"}).status_code for n in range(21)]
    assert statuses == [401] * 20 + [429]


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_account_is_gone_with_its_tokens_and_keys(
    cloud: TestCloud, http: httpx.Client, member: Member
) -> None:
    cancel = http.post("/jobs/none/cancel", headers={**member.headers, "X-Idempotency-Key": "k1"})
    assert cancel.status_code == 404
    answer = http.delete("/profile", headers=member.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["completed_at"] >= answer.json()["requested_at"]
    assert answer.json()["erased"] == {"accounts": 1, "account_names": 1, "refresh_tokens": 1}
    for collection in ("accounts", "account_names", "refresh_tokens", "idempotency_keys"):
        assert cloud.of_user(collection, member.user_id) == {}
    assert member.log_in().status_code == 401
    assert member.refresh(member.tokens["refresh_token"]).status_code == 401
    assert http.get("/profile", headers=member.headers).status_code == 403
    assert http.delete("/profile", headers=member.headers).json()["receipt_id"] == answer.json()["receipt_id"]


def test_families_expire(small: Small) -> None:
    accounts = Accounts(small.services)
    accounts.register(Register(username="john", email="john@example.com", password=PASSWORD))
    accounts.log_in(Login(username="john", password=PASSWORD))
    (family,) = small.world.database.collection("refresh_tokens").stream()
    assert family.get("expireAt") == small.world.now + timedelta(days=7)
