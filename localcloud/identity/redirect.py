"""Point firebase_admin's App Check at the local issuer.

Only for the local cloud's own functions process, which calls `install(os.environ)` before it loads `functions/main.py`.
Production code knows nothing of it and calls `firebase_admin.app_check.verify_token` as ever.

Why this and nothing less: firebase_admin (7.7) has the addresses of Google's keys and of the replay protection as two
class attributes of a private class; there is no option and no environment variable for them. Setting those two, before
the first token is verified, leaves every line of firebase_admin's code in use: fetching and caching keys, signature,
audience, issuer, expiry. If a release renames them, `install` says so instead of letting requests go to Google.

Everything else that the functions process needs goes by environment variables that Google's libraries read themselves:

    GOOGLE_CLOUD_PROJECT             the project; functions_framework, firebase_admin, google-cloud-*
    FIREBASE_AUTH_EMULATOR_HOST      auth.verify_id_token takes unsigned tokens; user look-ups go there, as "owner"
    GOOGLE_APPLICATION_CREDENTIALS   OidcServer.credentials_file: App Check's client is built with google.auth.default()
                                     even where it needs no credential, and consume=True sends an access token
    APP_CHECK_EMULATOR_URL           this module's own: AppCheckServer.url
"""

from __future__ import annotations

from collections.abc import Mapping

VARIABLE = "APP_CHECK_EMULATOR_URL"
_JWKS_URL = "_JWKS_URL"
_VERIFY_URL = "_VERIFY_URL_FORMAT"


class RedirectError(Exception):
    """firebase_admin has changed, and its App Check cannot be pointed at the local issuer."""


def install(environ: Mapping[str, str]) -> None:
    """Do so, if APP_CHECK_EMULATOR_URL is set. RedirectError if this firebase_admin cannot be redirected."""
    url = environ.get(VARIABLE, "").rstrip("/")
    if not url:
        return
    from firebase_admin import app_check  # noqa: PLC0415  (half a second that only the functions process should pay)

    service = getattr(app_check, "_AppCheckService", None)
    if not (hasattr(service, _JWKS_URL) and hasattr(service, _VERIFY_URL)):
        raise RedirectError(f"firebase_admin.app_check has no {_JWKS_URL} and {_VERIFY_URL} any more; see redirect.py.")
    setattr(service, _JWKS_URL, f"{url}/v1/jwks")
    setattr(service, _VERIFY_URL, url + "/v1beta/projects/{project_id}:verifyAppCheckToken")
