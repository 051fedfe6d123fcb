"""The secrets as firebase_functions params, so that the Firebase CLI binds them from Secret Manager.

Declared here and not in main.py: a param may be declared once in a process, and the functions framework executes
main.py once for every function that it serves.
"""

from __future__ import annotations

from firebase_functions.params import SecretParam

from backend.settings import ApiSettings, Settings
from jobs.config import describe


def _secrets(shape: type) -> list[SecretParam]:
    return [SecretParam(each.name, description=each.description) for each in describe(shape) if each.secret]


SECRETS = _secrets(Settings)
API_SECRETS = [*SECRETS, *_secrets(ApiSettings)]
