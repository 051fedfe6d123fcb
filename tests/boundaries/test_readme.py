"""The README's table of settings is what the code declares."""

from __future__ import annotations

from tools import settings_table


def test_the_table_of_settings_is_the_codes() -> None:
    text = settings_table.README.read_text()
    assert text == settings_table.written(text), "run ./dev readme"


def test_the_table_names_every_variable_once() -> None:
    names = [line.split("`")[1] for line in settings_table.table().splitlines()[2:]]
    assert len(names) == len(set(names))
    assert {"RUNPOD_API_KEY", "R2_ENDPOINT", "ENGINE", "RUN_LEASE_SECONDS"} <= set(names)
