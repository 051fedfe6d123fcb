"""Passwords, as argon2id hashes with OWASP's parameters for servers with little memory."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

_MEMORY_KIB = 19 * 1024
# Each takes 19 MiB for some 30 ms. More of them at once would only wait for the same CPU, and could fill the instance.
_AT_ONCE = threading.BoundedSemaphore(4)
_hasher = PasswordHasher(time_cost=2, memory_cost=_MEMORY_KIB, parallelism=1)
# Of 16 random bytes that were thrown away. It is verified where there is no account, so that both take the same time.
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$zoX/TXyIXW3tuYMasI18UQ$zZzO7aPnEPpRe8XgwUvXx2arLLRRSqEnOtBgf9FRNpY"


def hashed(password: str) -> str:
    with _AT_ONCE:
        return _hasher.hash(password)


def fits(password: str, stored: str) -> bool:
    with _AT_ONCE:
        try:
            return _hasher.verify(stored, password)
        except VerifyMismatchError:
            return False


def is_outdated(stored: str) -> bool:
    """Whether it was made with other parameters than today's; then the next log-in hashes anew."""
    return _hasher.check_needs_rehash(stored)
