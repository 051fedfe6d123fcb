"""Objects that the functions read and write themselves, against the bucket's gate; and the links of lists."""

from __future__ import annotations

import contextlib

import pytest

from backend.links import Links
from backend.objects import Objects
from backend.settings import Settings
from backend.storage import Signer
from jobs.config import load
from jobs.errors import FailedPrecondition, NotFound, Unavailable
from tests.unit.erasable_world import ErasableWorld, moto, world

__all__ = ["moto", "world"]
KEY = "voices/u1/v1/j/1/sample.mp3"


@pytest.fixture
def objects(world: ErasableWorld) -> Objects:
    return Objects(Signer(load(Settings, world.environ)))


def test_what_is_put_is_read(objects: Objects) -> None:
    objects.put(KEY, b"sound " * 100_000, "audio/mpeg")
    assert objects.read(KEY, max_bytes=600_000) == b"sound " * 100_000
    with contextlib.closing(objects.open(KEY)) as sound:
        assert (sound.status, sound.headers["content-type"]) == (200, "audio/mpeg")
        assert sound.headers["content-length"] == "600000"
        assert not any(name.startswith("x-amz") for name in sound.headers)


def test_a_part_of_it(objects: Objects) -> None:
    objects.put(KEY, b"0123456789", "audio/mpeg")
    with contextlib.closing(objects.open(KEY, "bytes=2-4")) as sound:
        assert (sound.status, b"".join(sound.blocks)) == (206, b"234")
        assert sound.headers["content-range"] == "bytes 2-4/10"
    with contextlib.closing(objects.open(KEY, "bytes=50-")) as sound:
        assert (sound.status, list(sound.blocks)) == (416, [])


def test_what_is_too_large_is_not_collected(objects: Objects) -> None:
    objects.put(KEY, b"x" * (2**20 + 1), "audio/mpeg")
    with pytest.raises(FailedPrecondition, match="larger than 1 MB"):
        objects.read(KEY, max_bytes=2**20)


def test_what_is_not_there(objects: Objects) -> None:
    with pytest.raises(NotFound):
        objects.open(KEY)
    objects.delete(KEY)


@pytest.mark.parametrize("fault", ["500", "503", "reset"])
def test_a_bucket_that_is_out_of_order(world: ErasableWorld, objects: Objects, fault: str) -> None:
    objects.put(KEY, b"sound", "audio/mpeg")
    world.fault(f"r2.GetObject:{fault} x1, r2.PutObject:{fault} x1, r2.DeleteObject:{fault} x1")
    with pytest.raises(Unavailable):
        objects.read(KEY, max_bytes=100)
    with pytest.raises(Unavailable):
        objects.put(KEY, b"sound", "audio/mpeg")
    objects.delete(KEY)  # not its caller's trouble


def test_a_bucket_that_refuses_us(world: ErasableWorld) -> None:
    objects = Objects(Signer(load(Settings, {**world.environ, "R2_SECRET_ACCESS_KEY": "another"})))
    with pytest.raises(FailedPrecondition):
        objects.put(KEY, b"sound", "audio/mpeg")


def test_links_stay_the_same_for_half_their_time(world: ErasableWorld) -> None:
    now = 6000.0
    links = Links(Signer(load(Settings, world.environ)), seconds=600, now=lambda: now)
    first = links.url(KEY)
    now += 299
    assert links.url(KEY) is first
    assert links.url(KEY + "x") != first
    now += 1
    assert links.url(KEY) is not first
