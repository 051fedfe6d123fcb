"""Access tokens for Google's APIs that we call over plain HTTPS, of whatever account this process runs as."""

from __future__ import annotations

import threading
from typing import Any

from jobs.errors import FailedPrecondition, Unavailable


class GoogleAccess:
    """Tokens of one scope, made anew when they are about to expire. Thread-safe."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._lock = threading.Lock()
        self._credentials: Any = None

    def token(self) -> str:
        """Raises FailedPrecondition where there is no account, Unavailable where Google cannot be asked."""
        import google.auth  # noqa: PLC0415  (most functions never ask)
        from google.auth import exceptions  # noqa: PLC0415
        from google.auth.transport.requests import Request  # noqa: PLC0415

        try:
            with self._lock:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=[self._scope])
                if not self._credentials.valid:
                    self._credentials.refresh(Request())
                return str(self._credentials.token)
        except exceptions.DefaultCredentialsError as error:
            raise FailedPrecondition("There is no Google account: set GOOGLE_APPLICATION_CREDENTIALS.") from error
        except exceptions.GoogleAuthError as error:
            raise Unavailable("Google gives no access token at the moment.") from error
