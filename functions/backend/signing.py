"""The signature that internal services and this one send each other:

    hex(HMAC-SHA256(secret, method + "\\n" + path + "\\n" + timestamp + "\\n" + body))

`path` with the query, where there is one. `timestamp` in milliseconds since 1970.
"""

from __future__ import annotations

import hmac


def signature(secret: str, method: str, path: str, timestamp: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), f"{method}\n{path}\n{timestamp}\n".encode() + body, "sha256").hex()
