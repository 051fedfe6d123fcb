"""What the rules let in, the server takes, and the other way round: firestore.rules against functions/jobs/documents.py.

Where they differ on purpose, DIFFERENCES says why.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from jobs.documents import validate_audio_request, validate_voice_profile
from jobs.errors import InvalidArgument
from tests.firestore_rules import checks
from tests.firestore_rules.operations import OWNER, SERVER_TIME, Create

VALIDATE = {checks.VOICES: validate_voice_profile, checks.REQUESTS: validate_audio_request}
DIFFERENCES: dict[str, str] = {}
CREATED = [
    check
    for check in checks.table()
    if check.actor is OWNER and isinstance(check.operation, Create) and check.name.partition(":")[0] in VALIDATE
    and check.operation.path.count("/") == 1
]


def test_rules_and_server_differ_only_where_it_is_meant() -> None:
    differing = {check.name for check in CREATED if _server_takes(check) is not check.allowed}
    unexplained = {name for name in differing if not any(re.search(each, name) for each in DIFFERENCES)}
    assert sorted(unexplained) == []
    assert [each for each in DIFFERENCES if not any(re.search(each, name) for name in differing)] == []


def _server_takes(check: checks.Check) -> bool:
    assert isinstance(check.operation, Create)
    fields = {name: datetime.now(UTC) if value is SERVER_TIME else value for name, value in check.operation.fields.items()}
    try:
        VALIDATE[check.name.partition(":")[0]](fields)
    except InvalidArgument:
        return False
    return True
