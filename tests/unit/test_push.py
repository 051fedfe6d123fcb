"""Word to the user's devices that a job is over: to each once, in its language, whatever is delivered how often."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from backend import notifications, push
from backend.fcm import Fcm
from backend.push_texts import FALLBACK, TEXTS, texts_in
from backend.services import Lazy
from jobs.documents import LANGUAGES
from jobs.errors import Unavailable
from jobs.model import State
from jobs.outbox import JobEvent
from localcloud.clock import Clock
from localcloud.fcm import FcmServer
from localcloud.state import State as CloudState
from tests.unit.functions_world import FunctionsWorld
from tests.unit.loop_thread import LoopThread
from tests.unit.story_time import JOB, REQUEST, START, USER

PATH = f"users/{USER}/devices"


@dataclass
class Family:
    """A user with phones, and a story that has just been told."""

    world: FunctionsWorld
    fcm: FcmServer

    def phone(self, name: str, language: str = "en", **more: Any) -> str:
        token: str = self.world.loop.call(self.fcm.register)
        fields = {"token": token, "language": language, "platform": "android", "updatedAt": START}
        self.world.write(f"{PATH}/{name}", {**fields, **more})
        return token

    def ends(self, state: State = State.SUCCEEDED) -> JobEvent:
        self.world.bring_to(state)
        self.world.patch(f"jobs/{JOB}", **{"input.title": "The bear"})
        return JobEvent.of(self.world.job(), f"{state.value}.1")

    def deliver(self, event: JobEvent) -> None:
        notifications.handle(self.world.services, event)

    def shown_on(self, token: str) -> list[tuple[str, str | None]]:
        return [(each["notification"]["title"], each["notification"].get("body")) for each in self.fcm.shown_on(token)]


@pytest.fixture
def family(functions: FunctionsWorld, loop: LoopThread) -> Iterator[Family]:
    settings = functions.services.settings()
    server = loop.call(lambda: FcmServer(settings.project, CloudState(), Clock(), functions.faults))
    loop.run(server.start())
    here = dataclasses.replace(settings, fcm_endpoint=server.url)
    functions.services.fcm = Lazy(lambda: Fcm(here, lambda: "access-token"))
    yield Family(functions, server)
    loop.run(server.stop())


READY, BEAR = "Your story is ready", "The bear"


def test_each_device_is_told_once_however_often_the_event_comes(family: Family) -> None:
    tokens = [family.phone("a"), family.phone("b", "pt-BR", platform="ios")]
    event = family.ends()
    for _ in range(3):
        family.deliver(event)
    assert family.shown_on(tokens[0]) == [(READY, BEAR)]
    assert family.shown_on(tokens[1]) == [("Sua história está pronta", BEAR)]
    (message,) = family.fcm.shown_on(tokens[0])
    assert message["data"] == {"kind": "narrate", "requestPath": REQUEST, "status": "ready"}
    assert message["android"]["notification"]["tag"] == message["apns"]["headers"]["apns-collapse-id"] == JOB


def test_a_failure_is_told_and_a_cancellation_is_not(family: Family) -> None:
    token = family.phone("a", "de")
    family.deliver(family.ends(State.FAILED))
    assert family.shown_on(token) == [("Deine Geschichte konnte nicht vorgelesen werden", BEAR)]


def test_the_user_knows_of_a_cancellation(family: Family) -> None:
    token = family.phone("a")
    family.deliver(family.ends(State.CANCELLED))
    assert family.shown_on(token) == []


def test_a_voice_that_is_ready_is_told_by_its_name(family: Family) -> None:
    token = family.phone("a", "fr")
    event = family.ends()
    family.world.patch(f"jobs/{JOB}", kind="clone", **{"input.name": "Maman"})
    family.deliver(JobEvent.of(family.world.job(), "succeeded.1"))
    assert event.job_id == JOB
    assert family.shown_on(token) == [("La nouvelle voix est prête", "Maman")]


def test_what_fails_for_one_device_is_sent_to_it_again_and_to_no_other(family: Family) -> None:
    tokens = [family.phone("a"), family.phone("b")]
    event = family.ends()
    family.world.fault("fcm.send:503 x1")
    with pytest.raises(Unavailable):
        family.deliver(event)
    assert len(family.fcm.messages) == 1
    family.deliver(event)
    family.deliver(event)
    assert [family.shown_on(token) for token in tokens] == [[(READY, BEAR)], [(READY, BEAR)]]


def test_a_lost_answer_may_tell_twice_under_one_tag(family: Family) -> None:
    """The one case that cannot be told from not having been sent."""
    token = family.phone("a")
    event = family.ends()
    family.world.fault("fcm.send:reset x1")
    with pytest.raises(Unavailable):
        family.deliver(event)
    family.deliver(event)
    tags = {message["android"]["notification"]["tag"] for message in family.fcm.shown_on(token)}
    assert (len(family.shown_on(token)), tags) == (2, {JOB})


def test_while_one_delivery_is_at_it_another_comes_again_later(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the lease lasts; afterwards whoever had it is taken for dead, and what it has not recorded is sent."""
    token = family.phone("a")
    event = family.ends()

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(push, "_record", die)
        with pytest.raises(SystemExit):
            family.deliver(event)
    with pytest.raises(Unavailable):
        family.deliver(event)
    assert len(family.shown_on(token)) == 1
    family.world.wait(push.LEASE.total_seconds() + 1)
    family.deliver(event)
    assert len(family.shown_on(token)) == 2
    assert "doneAt" in family.world.get(f"jobs/{JOB}")["push"]


def test_dead_tokens_are_forgotten_and_the_others_told(family: Family) -> None:
    gone, alive = family.phone("gone"), family.phone("alive")
    family.phone("never", token="what is no token")
    family.world.loop.call(family.fcm.unregister, gone)
    family.deliver(family.ends())
    assert {document.id for document in family.world.database.collection(PATH).stream()} == {"alive"}
    assert family.shown_on(alive) == [(READY, BEAR)]


def test_a_token_that_the_app_has_replaced_meanwhile_stays(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    old = family.phone("a")
    family.world.loop.call(family.fcm.unregister, old)
    send = Fcm.send

    def replaced_meanwhile(fcm: Fcm, message: dict[str, Any]) -> bool:
        answer = send(fcm, message)
        family.phone("a")
        return answer

    monkeypatch.setattr(Fcm, "send", replaced_meanwhile)
    family.deliver(family.ends())
    assert family.world.get(f"{PATH}/a")["token"] != old


def test_what_has_long_been_over_is_no_news(family: Family) -> None:
    token = family.phone("a")
    event = family.ends()
    family.world.wait(push.FRESH.total_seconds() + 1)
    family.deliver(event)
    assert family.shown_on(token) == []


def test_only_the_devices_seen_last_are_told(family: Family) -> None:
    tokens = [family.phone(f"d{n}", updatedAt=START + timedelta(hours=n)) for n in range(push.MOST_DEVICES + 1)]
    family.phone("odd", updatedAt=START + timedelta(days=9), platform=None)
    family.deliver(family.ends())
    told = [len(family.shown_on(token)) for token in tokens]
    assert told == [0, 0, *[1] * (push.MOST_DEVICES - 1)]  # the odd one is among the twenty, and is none


def test_a_platform_that_is_not_set_up_keeps_word_from_no_other(family: Family) -> None:
    tokens = [family.phone("a"), family.phone("b")]
    family.world.fault("fcm.send:401 x1")
    family.deliver(family.ends())
    assert sorted(len(family.shown_on(token)) for token in tokens) == [0, 1]


def test_an_account_that_is_erased_meanwhile_is_left_in_peace(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    family.phone("a")
    event = family.ends()
    send = Fcm.send

    def erased_meanwhile(fcm: Fcm, message: dict[str, Any]) -> bool:
        family.world.delete(f"jobs/{JOB}")
        return send(fcm, message)

    monkeypatch.setattr(Fcm, "send", erased_meanwhile)
    family.deliver(event)
    family.deliver(event)
    assert len(family.fcm.messages) == 1


def test_every_language_of_the_product_has_every_sentence() -> None:
    assert set(TEXTS) == set(LANGUAGES)
    for language, texts in TEXTS.items():
        assert len(set(texts)) == len(texts), language
        assert all(text.strip() == text and 0 < len(text) <= 60 for text in texts), language
    assert len({texts.story_ready for texts in TEXTS.values()}) == len(TEXTS)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en-GB", "en"),
        ("zh-Hans-CN", "zh"),
        ("nb-NO", "no"),
        ("iw", "he"),
        ("pt_BR", "pt"),
        ("cs", FALLBACK),
        ("", FALLBACK),
    ],
)
def test_a_phones_language_finds_ours(tag: str, language: str) -> None:
    assert texts_in(tag) is TEXTS[language]
