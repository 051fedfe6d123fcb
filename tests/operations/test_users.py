"""A user's quota and belongings; what was used; and everything gone."""

from __future__ import annotations

import pytest

from tests.cloud import Family, TestCloud
from tests.operations.conftest import Desk


def test_a_user_is_shown_priced_and_erased(desk: Desk, family: Family, cloud: TestCloud) -> None:
    user, text = family.user_id, "The hare ran home."
    path = family.ask(text)
    assert family.finished(path)["status"] == "ready"
    shown = desk.answer("users", "show", user)
    assert (shown["quota"]["characters"], shown["audio_requests"], shown["devices"]) == (len(text), 1, 0)
    quotas = {row["userId"]: row for row in desk.answer("users", "quotas", "--limit", "1000")}
    assert quotas[user]["characters"] == len(text)
    (used,) = desk.answer("usage", "--user", user, "--gpu-second", "0.5")
    assert (used["jobs"], used["succeeded"], used["failed"], used["characters"]) == (1, 1, 0, len(text))
    assert used["workerSeconds"] > 0
    assert used["dollars"] == pytest.approx(used["workerSeconds"] / 2)
    (at_list_price,) = desk.answer("usage", "--user", user)
    assert 0 < at_list_price["dollars"] < used["dollars"]
    assert not desk.answer("users", "reset-quota", user)["done"]
    desk.answer("users", "reset-quota", user, "--yes")
    assert cloud.read(f"quotas/{user}") is None
    assert desk.answer("users", "erase", user)["audio_requests"] == 1
    assert cloud.read(path)
    receipt = desk.answer("users", "erase", user, "--yes")
    assert receipt["completedAt"]
    assert (cloud.read(path), cloud.keys(f"stories/{user}/")) == (None, set())
    assert "being erased" in desk.answer("users", "show", user)
    desk.refused("users", "reset-quota", user, "--yes")


def test_nothing_is_used_on_another_day(desk: Desk, family: Family) -> None:
    assert desk.answer("usage", "--since", "2020-01-01", "--until", "2020-01-02") == []
    desk.refused("usage", "--since", "2020-01-02", "--until", "2020-01-01")
    desk.refused("users", "show", "a/b")
