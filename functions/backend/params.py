"""The secrets as firebase_functions params, so that the Firebase CLI binds them from Secret Manager.

Declared here and not in main.py: a param may be declared once in a process, and the functions framework executes
main.py once for every function that it serves.
"""

from __future__ import annotations

from firebase_functions.params import SecretParam

from backend.settings import Settings
from jobs.config import describe

SECRETS = [
    SecretParam(declared.name, description=declared.description) for declared in describe(Settings) if declared.secret
]
