"""Users, apps and service accounts, as Google's own libraries see them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import firebase_admin
import google.auth
import google.auth.transport.requests
import google.oauth2.id_token
import jwt
import pytest
import requests
from firebase_admin import app_check, auth
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.clock import Clock, ManualClock
from localcloud.identity import redirect
from localcloud.identity.app_check import AppCheckServer
from localcloud.identity.auth import AuthServer
from localcloud.identity.oidc import OidcServer
from localcloud.state import State
from tests.unit.loop_thread import LoopThread

PROJECT = "storyvoice-local"
APP = "1:123:android:abc"
ACCOUNT = f"functions@{PROJECT}.iam.gserviceaccount.com"


class Identity:
    """The three services over one state file, which survives `restart`."""

    def __init__(self, folder: Path) -> None:
        self.loop = LoopThread()
        self.clock = Clock()
        self.folder = folder
        self._begin()
        self.credentials = self.oidc.credentials_file(folder / "service-account.json", ACCOUNT)

    def _begin(self) -> None:
        self.loop.call(self._make)
        for server in (self.auth, self.app_check, self.oidc):
            self.loop.run(server.start())

    def _make(self) -> None:
        self.state = State(self.folder / "state.db")
        self.auth = AuthServer(PROJECT, self.state, self.clock)
        self.app_check = AppCheckServer(PROJECT, self.state, self.clock, debug_tokens=("debug",))
        self.oidc = OidcServer(PROJECT, self.clock)

    def end(self) -> None:
        for server in (self.auth, self.app_check, self.oidc):
            self.loop.run(server.stop())
        self.loop.call(self.state.close)

    def restart(self) -> None:
        self.end()
        self._begin()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "FIREBASE_AUTH_EMULATOR_HOST": self.auth.host,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.credentials),
            redirect.VARIABLE: self.app_check.url,
        }

    def sign_in(self, who: str) -> Any:
        return self.loop.call(self.auth.sign_in, who)

    def phone(self, method: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """What a client SDK sends."""
        url = f"{self.auth.url}/identitytoolkit.googleapis.com/v1/accounts:{method}?key=any"
        answer = requests.post(url, json=body, timeout=5)
        return answer.status_code, answer.json()

    def refused(self, method: str, **body: Any) -> str:
        status, answer = self.phone(method, **body)
        assert status == answer["error"]["code"] == 400, answer
        return str(answer["error"]["message"])

    def refresh(self, token: str) -> tuple[int, dict[str, Any]]:
        url = f"{self.auth.url}/securetoken.googleapis.com/v1/token?key=any"
        answer = requests.post(url, data={"grant_type": "refresh_token", "refresh_token": token}, timeout=5)
        return answer.status_code, answer.json()


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    identity = Identity(tmp_path)
    for name, value in identity.environment.items():
        monkeypatch.setenv(name, value)
    for attribute in ("_JWKS_URL", "_VERIFY_URL_FORMAT"):  # put back afterwards what `install` changes
        monkeypatch.setattr(app_check._AppCheckService, attribute, getattr(app_check._AppCheckService, attribute))
    redirect.install(os.environ)
    app = firebase_admin.initialize_app()
    yield identity
    firebase_admin.delete_app(app)
    identity.end()
    identity.loop.close()


# ---- phones


def test_an_anonymous_user_becomes_one_with_a_password(identity: Identity) -> None:
    _, anonymous = identity.phone("signUp", returnSecureToken=True)
    assert re.fullmatch(r"[A-Za-z0-9]{28}", anonymous["localId"])
    claims = auth.verify_id_token(anonymous["idToken"])
    assert claims["firebase"] == {"identities": {}, "sign_in_provider": "anonymous"}
    assert claims["provider_id"] == "anonymous"
    _, linked = identity.phone("signUp", idToken=anonymous["idToken"], email="Ann@Example.com", password="secret1")
    assert linked["localId"] == anonymous["localId"]
    claims = auth.verify_id_token(linked["idToken"])
    assert claims["firebase"] == {"identities": {"email": ["ann@example.com"]}, "sign_in_provider": "password"}
    assert (claims["uid"], claims["user_id"], claims["email_verified"]) == (linked["localId"],) * 2 + (False,)


def test_passwords(identity: Identity) -> None:
    _, made = identity.phone("signUp", email="ann@example.com", password="secret1", returnSecureToken=True)
    assert made["expiresIn"] == "3600"
    status, again = identity.phone("signInWithPassword", email="ANN@example.com", password="secret1")
    assert (status, again["localId"], again["registered"]) == (200, made["localId"], True)
    assert identity.refused("signUp", email="ann@example.com", password="another") == "EMAIL_EXISTS"
    assert identity.refused("signUp", email="bob@example.com", password="short").startswith("WEAK_PASSWORD")
    assert identity.refused("signUp", email="nonsense", password="secret1") == "INVALID_EMAIL"
    assert identity.refused("signUp", email="bob@example.com") == "MISSING_PASSWORD"
    assert identity.refused("signInWithPassword", email="ann@example.com", password="wrong1") == "INVALID_PASSWORD"
    assert identity.refused("signInWithPassword", email="bob@example.com", password="secret1") == "EMAIL_NOT_FOUND"
    assert b"secret1" not in b"".join(path.read_bytes() for path in identity.folder.glob("state.db*"))


def test_a_custom_token_carries_claims_through_refreshes(identity: Identity) -> None:
    token = auth.create_custom_token("user1", {"plan": "family"}).decode()
    _, first = identity.phone("signInWithCustomToken", token=token, returnSecureToken=True)
    assert first["isNewUser"]
    assert auth.verify_id_token(first["idToken"])["plan"] == "family"
    identity.loop.call(identity.clock.advance, 3601)
    assert identity.refused("lookup", idToken=first["idToken"]) == "TOKEN_EXPIRED"
    status, fresh = identity.refresh(first["refreshToken"])
    assert (status, fresh["user_id"], fresh["project_id"], fresh["expires_in"]) == (200, "user1", PROJECT, "3600")
    claims = auth.verify_id_token(fresh["id_token"])
    assert claims["plan"] == "family"
    assert claims["iat"] - claims["auth_time"] >= 3601
    assert not identity.phone("signInWithCustomToken", token=token)[1]["isNewUser"]
    assert identity.refused("signInWithCustomToken", token="a.b.c").startswith("INVALID_CUSTOM_TOKEN")


def test_looking_up_changing_and_deleting_oneself(identity: Identity) -> None:
    tokens = identity.sign_in("ann@example.com")
    changed = identity.phone("update", idToken=tokens.id_token, displayName="Ann", photoUrl="https://p.example/a")
    assert changed[1]["displayName"] == "Ann"
    identity.phone("update", idToken=tokens.id_token, deleteAttribute=["PHOTO_URL"])
    _, found = identity.phone("lookup", idToken=tokens.id_token)
    assert (found["users"][0]["displayName"], found["users"][0].get("photoUrl")) == ("Ann", None)
    assert identity.phone("delete", idToken=tokens.id_token)[0] == 200
    assert identity.refused("lookup", idToken=tokens.id_token) == "USER_NOT_FOUND"
    assert identity.refresh(tokens.refresh_token)[1]["error"]["message"] == "INVALID_REFRESH_TOKEN"


def test_a_new_password_ends_old_sessions(identity: Identity) -> None:
    _, old = identity.phone("signUp", email="ann@example.com", password="secret1")
    identity.loop.call(identity.clock.advance, 2)
    _, new = identity.phone("update", idToken=old["idToken"], password="secret2", returnSecureToken=True)
    assert identity.refused("lookup", idToken=old["idToken"]) == "TOKEN_EXPIRED"
    assert identity.refresh(old["refreshToken"])[1]["error"]["message"] == "TOKEN_EXPIRED"
    assert identity.phone("lookup", idToken=new["idToken"])[0] == 200


def test_tokens_of_others_are_refused(identity: Identity) -> None:
    claims = jwt.decode(identity.sign_in("user1").id_token, options={"verify_signature": False})
    for wrong in ({"aud": "other"}, {"iss": "https://securetoken.google.com/other"}, {"firebase": 1}, {"exp": "soon"}):
        token = jwt.encode({**claims, **wrong}, "", algorithm="none")
        assert identity.refused("lookup", idToken=token) == "INVALID_ID_TOKEN"
    assert identity.refused("lookup") == "MISSING_ID_TOKEN"


def test_what_is_not_there_names_itself(identity: Identity) -> None:
    status, answer = identity.phone("sendOobCode", requestType="VERIFY_EMAIL")
    assert status == 501
    assert "accounts:sendOobCode" in answer["error"]["message"]
    toolkit = f"{identity.auth.url}/identitytoolkit.googleapis.com/v1"
    assert requests.post(f"{toolkit}/accounts:signUp", json={}, timeout=5).status_code == 403  # no API key
    assert requests.post(f"{toolkit}/accounts:signUp?key=k", data="{", timeout=5).status_code == 400
    owner = {"Authorization": "Bearer owner"}
    assert requests.post(f"{toolkit}/projects/{PROJECT}/accounts", json={}, timeout=5).status_code == 401
    assert requests.post(f"{toolkit}/projects/other/accounts", json={}, headers=owner, timeout=5).status_code == 404


def test_browsers_may_ask(identity: Identity) -> None:
    url = f"{identity.auth.url}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=any"
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type,x-client-version"}  # fmt: skip
    preflight = requests.options(url, headers=asked, timeout=5)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type,x-client-version"
    for body in ({}, {"email": "x"}):
        answer = requests.post(url, json=body, headers={"Origin": "https://app.example"}, timeout=5)
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["signUp", "signInWithPassword", "signInWithCustomToken", "lookup", "update", "delete"]),
    body=st.dictionaries(
        st.sampled_from(["email", "idToken", "token", "displayName", "localId", "deleteAttribute"]),
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=2)),
    ),
)
def test_nothing_wild_breaks_it(identity: Identity, method: str, body: dict[str, Any]) -> None:
    status, answer = identity.phone(method, **body)
    assert status in {200, 400}
    assert ("error" in answer) == (status == 400)


# ---- servers


def test_firebase_admin_manages_users(identity: Identity) -> None:
    auth.create_user(uid="u1", email="ann@example.com", password="secret1", display_name="Ann", phone_number="+4915")
    with pytest.raises(auth.UidAlreadyExistsError):
        auth.create_user(uid="u1")
    with pytest.raises(auth.EmailAlreadyExistsError):
        auth.create_user(email="ann@example.com")
    with pytest.raises(auth.PhoneNumberAlreadyExistsError):
        auth.create_user(phone_number="+4915")
    assert auth.get_user_by_email("Ann@example.com").uid == auth.get_user_by_phone_number("+4915").uid == "u1"
    auth.set_custom_user_claims("u1", {"admin": True})
    assert auth.verify_id_token(identity.sign_in("u1").id_token)["admin"] is True
    auth.update_user("u1", display_name=auth.DELETE_ATTRIBUTE, phone_number=auth.DELETE_ATTRIBUTE, email_verified=True)
    user = auth.get_user("u1")
    assert (user.display_name, user.phone_number, user.email_verified) == (None, None, True)
    assert user.custom_claims == {"admin": True}
    for number in range(5):
        auth.create_user(uid=f"v{number}")
    page = auth.list_users(max_results=4)
    assert [user.uid for user in page.iterate_all()] == ["u1", "v0", "v1", "v2", "v3", "v4"]
    result = auth.delete_users(["v0", "v1", "absent"])
    assert (result.success_count, result.failure_count) == (3, 0)
    auth.delete_user("u1")
    with pytest.raises(auth.UserNotFoundError):
        auth.get_user("u1")


def test_revoked_and_disabled_users(identity: Identity) -> None:
    tokens = identity.sign_in("user1")
    assert auth.verify_id_token(tokens.id_token, check_revoked=True)["uid"] == "user1"
    auth.update_user("user1", valid_since=int(time.time()) + 2)  # what revoke_refresh_tokens does, two seconds on
    with pytest.raises(auth.RevokedIdTokenError):
        auth.verify_id_token(tokens.id_token, check_revoked=True)
    assert identity.refresh(tokens.refresh_token)[1]["error"]["message"] == "TOKEN_EXPIRED"
    identity.loop.call(identity.clock.advance, 5)
    tokens = identity.sign_in("user1")
    assert auth.verify_id_token(tokens.id_token, check_revoked=True)
    auth.update_user("user1", disabled=True)
    with pytest.raises(auth.UserDisabledError):
        auth.verify_id_token(tokens.id_token, check_revoked=True)
    assert identity.refresh(tokens.refresh_token)[1]["error"]["message"] == "USER_DISABLED"
    assert identity.refused("lookup", idToken=tokens.id_token) == "USER_DISABLED"


def test_users_and_sessions_survive_a_restart(identity: Identity) -> None:
    tokens = identity.sign_in("ann@example.com")
    auth.update_user(tokens.uid, disabled=False, email_verified=True)
    identity.restart()
    assert identity.refresh(tokens.refresh_token)[0] == 200
    _, found = identity.phone("lookup", idToken=tokens.id_token)
    assert found["users"][0]["emailVerified"] is True


# ---- apps


def exchange(identity: Identity, **body: Any) -> requests.Response:
    url = f"{identity.app_check.url}/v1/projects/{PROJECT}/apps/{APP}:exchangeDebugToken"
    return requests.post(url, json=body, timeout=5)


def test_a_debug_token_buys_an_app_check_token(identity: Identity) -> None:
    bought = exchange(identity, debugToken="debug").json()
    assert bought["ttl"] == "3600s"
    claims = app_check.verify_token(bought["token"])
    assert (claims["app_id"], claims["aud"]) == (APP, [f"projects/{PROJECT}"])
    assert exchange(identity, debugToken="debug", limitedUse=True).json()["ttl"] == "300s"
    assert exchange(identity, debugToken="guess").status_code == 403


def test_bad_app_check_tokens(identity: Identity) -> None:
    other = AppCheckServer("other", State(), Clock())
    past = AppCheckServer(PROJECT, State(), ManualClock())
    for server in (other, past):
        server._key = identity.app_check._key  # rightly signed: it is what they say that is wrong
    for token, complaint in ((other.mint(APP), "audience"), (past.mint(APP), "expired")):
        with pytest.raises(ValueError, match=complaint):
            app_check.verify_token(token)
    forged = AppCheckServer(PROJECT, State(), Clock())
    forged._key.key_id = identity.app_check._key.key_id
    with pytest.raises(ValueError, match="signature"):
        app_check.verify_token(forged.mint(APP))


def test_a_token_is_consumed_once(identity: Identity) -> None:
    token = exchange(identity, debugToken="debug", limitedUse=True).json()["token"]
    assert app_check.verify_token(token, consume=True)["already_consumed"] is False
    assert app_check.verify_token(token, consume=True)["already_consumed"] is True
    # The clock ahead: those who verify live in real time, and must still take what is issued now.
    identity.loop.call(identity.clock.advance, 86400)
    token = exchange(identity, debugToken="debug").json()["token"]
    assert app_check.verify_token(token, consume=True)["already_consumed"] is False
    url = f"{identity.app_check.url}/v1beta/projects/{PROJECT}:verifyAppCheckToken"
    assert requests.post(url, json={"app_check_token": token}, timeout=5).status_code == 401
    bad = requests.post(url, json={"app_check_token": "x"}, headers={"Authorization": "Bearer y"}, timeout=5)
    assert bad.status_code == 403


def test_a_firebase_admin_that_has_changed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_check, "_AppCheckService", SimpleNamespace(_JWKS_URL=""))
    redirect.install({})
    with pytest.raises(redirect.RedirectError):
        redirect.install({redirect.VARIABLE: "http://127.0.0.1:1"})


# ---- service accounts


def test_oidc_tokens(identity: Identity) -> None:
    token = identity.oidc.mint(ACCOUNT, "https://function.example")
    discovered = requests.get(f"{identity.oidc.url}/.well-known/openid-configuration", timeout=5).json()
    key = jwt.PyJWKClient(discovered["jwks_uri"]).get_signing_key_from_jwt(token).key
    claims = jwt.decode(
        token, key, algorithms=["RS256"], audience="https://function.example", issuer=discovered["issuer"]
    )
    assert (claims["email"], claims["email_verified"], claims["iss"]) == (ACCOUNT, True, "https://accounts.google.com")
    assert identity.oidc.verify(token, "https://function.example")["email"] == ACCOUNT
    with pytest.raises(jwt.InvalidAudienceError):
        identity.oidc.verify(token, "https://another.example")
    with pytest.raises(jwt.InvalidSignatureError):
        identity.oidc.verify(OidcServer(PROJECT, Clock()).mint(ACCOUNT, "a"), "a")


def test_googles_libraries_get_tokens_with_the_credentials_file(identity: Identity) -> None:
    credentials: Any
    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    request = google.auth.transport.requests.Request()
    credentials.refresh(request)
    assert (project, credentials.valid, credentials.service_account_email) == (PROJECT, True, ACCOUNT)
    fetch: Any = google.oauth2.id_token.fetch_id_token
    token = fetch(request, "https://worker.example")
    assert identity.oidc.verify(token, "https://worker.example")["email"] == ACCOUNT
    assert oct(identity.credentials.stat().st_mode)[-3:] == "600"
    refused = requests.post(f"{identity.oidc.url}/token", data={"grant_type": "password"}, timeout=5)
    assert refused.status_code == 400


# ---- a real callable


CALLABLE = """
    import os
    from localcloud.identity import redirect
    redirect.install(os.environ)
    import firebase_admin
    from firebase_functions import https_fn
    firebase_admin.initialize_app()

    @https_fn.on_call(enforce_app_check=True)
    def whoami(request):
        return {"uid": request.auth and request.auth.uid, "app": request.app.app_id}
"""


@pytest.fixture
def whoami(identity: Identity, tmp_path: Path) -> Iterator[str]:
    source = tmp_path / "main.py"
    source.write_text(textwrap.dedent(CALLABLE))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = (
        "from functions_framework import create_app; from werkzeug.serving import make_server; "
        f"make_server('127.0.0.1', {port}, create_app('whoami', {str(source)!r}), threaded=True).serve_forever()"
    )
    # Nothing but these: no home, no credentials, no proxy of this machine.
    environment = {**identity.environment, "PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    process = subprocess.Popen([sys.executable, "-c", serve], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_a_callable_that_enforces_app_check(identity: Identity, whoami: str) -> None:
    def call(**headers: str) -> tuple[int, Any]:
        answer = requests.post(whoami, json={"data": {}}, headers=headers, timeout=10)
        return answer.status_code, answer.json()

    app_token = exchange(identity, debugToken="debug").json()["token"]
    user_token = identity.sign_in("user1").id_token
    header = "X-Firebase-AppCheck"
    status, answer = call(**{header: app_token}, Authorization=f"Bearer {user_token}")
    assert (status, answer) == (200, {"result": {"uid": "user1", "app": APP}})
    assert call(**{header: app_token}) == (200, {"result": {"uid": None, "app": APP}})
    assert call(Authorization=f"Bearer {user_token}")[0] == 401
    assert call(**{header: app_token[:-6] + "AAAAAA"}, Authorization=f"Bearer {user_token}")[0] == 401
    assert call(**{header: app_token}, Authorization="Bearer nonsense")[0] == 401
