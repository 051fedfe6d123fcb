"""What rules let in, the server takes, and the other way round: firestore.rules against functions/jobs/documents.py.

Where they differ on purpose, DIFFERENCES says why.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from jobs.documents import pronunciations, validate_audio_request, validate_voice_profile
from jobs.errors import InvalidArgument
from tests.firestore_rules import checks, samples
from tests.firestore_rules.operations import OWNER, SERVER_TIME, Create

VALIDATE = {samples.VOICES: validate_voice_profile, samples.REQUESTS: validate_audio_request}
_IN_TRANSACTION = "The server looks at whose it is when it admits the request, in the transaction that charges for it."
DIFFERENCES = {
    r"createdAt (by the phone's clock|later)": "Only rules can compare it with the time of the write.",
    r"audio_requests: .* userId (another's|in capitals)": "Only rules know who is writing.",
    r"(storyId|voiceId) (another's|of nothing|of a request)": _IN_TRANSACTION,
    r"create as ": "The server sees the id of a document in its path, not among its fields.",
    r"recordingKey with a (long|capital) extension": "createUpload gives none such; the server need not care.",
    r"(modelType|text|exaggeration|cfgWeight|temperature|minP|topP|repetitionPenalty|seed|cast) is null": (
        "An optional field is there or not."
    ),
}
CREATED = [
    check
    for check in checks.table()
    if check.actor is OWNER
    and isinstance(check.operation, Create)
    and check.name.partition(":")[0] in VALIDATE
    and check.operation.path.count("/") == 1
]


def test_rules_and_server_differ_only_where_it_is_meant() -> None:
    differing = {check.name for check in CREATED if _server_takes(check) is not check.allowed}
    unexplained = {name for name in differing if not any(re.search(each, name) for each in DIFFERENCES)}
    assert sorted(unexplained) == []
    assert [each for each in DIFFERENCES if not any(re.search(each, name) for name in differing)] == []


def test_rules_and_server_have_the_same_dictionary() -> None:
    """What rules let in, the server uses whole; of what they keep out, it leaves at least something out."""
    for how, allowed, fields in checks.dictionaries():
        words = fields.get("pronunciations")
        assert (isinstance(words, dict) and pronunciations(fields) == words) is allowed or "field" in how, how


def _server_takes(check: checks.Check) -> bool:
    assert isinstance(check.operation, Create)
    fields = {
        name: datetime.now(UTC) if value is SERVER_TIME else value for name, value in check.operation.fields.items()
    }
    try:
        VALIDATE[check.name.partition(":")[0]](fields)
    except InvalidArgument:
        return False
    return True
