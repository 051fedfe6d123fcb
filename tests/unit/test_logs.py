"""One JSON object a line, with our fields and no others, and nothing of what a foreign exception says."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from jobs import logs
from jobs.errors import InvalidArgument, Unavailable
from tests.unit.story_time import REQUEST, USER, a_job

SECRET = "Once upon a time there was a token sk-123"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What goes to stdout once the logs are configured; the test's own logging is put back afterwards."""
    root, out = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("backend", "jobs", "gpu_job", "main")}
    monkeypatch.setattr(sys, "stdout", out)
    root.handlers[:] = []
    logs.configure()
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_severity_and_the_job(written: io.StringIO) -> None:
    logging.getLogger("backend.admission").info("queued", extra=logs.job_fields(a_job(attempt=2)))
    (line,) = lines(written)
    assert line.pop("time").startswith("20")
    assert line == {
        "severity": "INFO",
        "message": "queued",
        "logger": "backend.admission",
        "jobId": "job1",
        "requestPath": REQUEST,
        "userId": USER,
        "attempt": 2,
    }


def test_only_fields_of_the_list_are_taken(written: io.StringIO) -> None:
    extra = {"text": SECRET, "url": SECRET, "audioKey": SECRET, "input": {"text": SECRET}, "count": 3}
    logging.getLogger("jobs.x").warning("careful", extra=extra)
    assert SECRET not in written.getvalue()
    (line,) = lines(written)
    assert set(line) == {"severity", "message", "logger", "time", "count"}


def test_a_foreign_exception_is_a_type_and_places(written: io.StringIO) -> None:
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise Unavailable("The database cannot be reached.") from error
    except Unavailable:
        logging.getLogger("jobs.x").exception("failed")
    assert SECRET not in written.getvalue()
    (line,) = lines(written)
    said = "\n".join(line["exception"])
    assert "jobs.errors.Unavailable: The database cannot be reached." in said
    assert "builtins.ValueError\n" in said
    assert f"{__file__}:" in said


def test_the_exception_during_which_another_came_is_told_too(written: io.StringIO) -> None:
    try:
        try:
            os.environ[SECRET]
        except KeyError:
            raise InvalidArgument("Ours.")  # noqa: B904  (without "from", to leave only the context)
    except InvalidArgument:
        logging.getLogger("jobs.x").exception("failed")
    assert "builtins.KeyError" in written.getvalue()
    assert SECRET not in written.getvalue()


def test_configuring_twice_writes_once_and_leaves_libraries_quiet(written: io.StringIO) -> None:
    logs.configure()
    logging.getLogger("gpu_job.worker").info("ours")
    logging.getLogger("urllib3").info("theirs")
    logging.getLogger("urllib3").warning("theirs, but serious")
    assert [line["message"] for line in lines(written)] == ["ours", "theirs, but serious"]


def test_what_json_cannot_say_is_said_as_text(written: io.StringIO) -> None:
    logging.getLogger("jobs.x").info("odd", extra={"state": object(), "backend": "ünï\n"})
    (line,) = lines(written)
    assert line["state"].startswith("<object")
    assert line["backend"] == "ünï\n"
