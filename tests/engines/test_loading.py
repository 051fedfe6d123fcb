"""Weights: found, checked, and the same in our modules as in upstream's."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from chatterbox.models.t3.llama_configs import LLAMA_CONFIGS
from chatterbox.tts import ChatterboxTTS
from chatterbox.tts_turbo import ChatterboxTurboTTS
from safetensors.torch import load_file, save_file

from gpu_job.engines.chatterbox import loading, weights
from gpu_job.engines.chatterbox.family import FAMILIES, family_named
from gpu_job.engines.chatterbox.weights import SUMS, find_weights
from jobs.errors import FailedPrecondition
from tests.engines.random_weights import write_random_weights
from tests.engines.small_s3gen import SmallS3Gen
from tests.engines.small_t3 import shallow

CPU = torch.device("cpu")
ENGLISH, TURBO = FAMILIES["chatterbox"], FAMILIES["chatterbox-turbo"]


@pytest.fixture(scope="module")
def small() -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        shallow(monkeypatch)
        for module in ("gpu_job.engines.chatterbox.loading", "chatterbox.tts", "chatterbox.tts_turbo"):
            monkeypatch.setattr(f"{module}.S3Gen", SmallS3Gen)
        yield monkeypatch


@pytest.fixture(scope="module")
def folder(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    for family in (ENGLISH, TURBO):
        write_random_weights(folder, family, s3gen=SmallS3Gen)
    return folder


@pytest.mark.parametrize(("family", "upstream"), [(ENGLISH, ChatterboxTTS), (TURBO, ChatterboxTurboTTS)])
def test_ours_are_upstreams_modules_with_the_same_numbers(folder: Path, family: Any, upstream: Any) -> None:
    theirs = upstream.from_local(folder / family.name, "cpu")
    ours = loading.load(family, [str(folder)], device=CPU)
    ours.check.require()
    for mine, other in ((ours.t3, theirs.t3), (ours.s3gen, theirs.s3gen), (ours.voice_encoder, theirs.ve)):
        assert not mine.training
        others = dict(other.named_parameters()) | dict(other.named_buffers())
        mines = dict(mine.named_parameters()) | dict(mine.named_buffers())
        assert mines.keys() == others.keys()
        for name, tensor in mines.items():
            assert torch.equal(tensor, others[name]), name
            assert tensor.dtype == others[name].dtype, name


def test_tokenizers_read_as_upstreams_do(folder: Path) -> None:
    english = loading.load(ENGLISH, [str(folder)], device=CPU).tokenizer.text_to_tokens("Once upon a time.")
    assert english.shape == (1, len("Once upon a time."))
    turbo = loading.load(TURBO, [str(folder)], device=CPU).tokenizer
    assert len(turbo("Once.").input_ids) == len("Once.")


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc where memory comes from")
def test_weights_are_mapped_and_not_copied(folder: Path) -> None:
    t3 = loading.load(ENGLISH, [str(folder)], device=CPU).t3
    path = str(folder / "chatterbox" / ENGLISH.t3)
    maps = [line.split() for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines() if path in line]
    spans = [tuple(int(each, 16) for each in line[0].split("-")) for line in maps]
    for parameter in t3.parameters():
        assert any(begin <= parameter.data_ptr() < end for begin, end in spans)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
def test_hashing_gives_way_to_what_it_goes_along_with(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def niceness(_path: Path | None = None) -> str:
        return str(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    found: list[str] = []
    before = niceness()
    monkeypatch.setattr(weights, "_sha256", lambda path: found.append(niceness(path)))
    with pytest.raises(FailedPrecondition, match="hash is wrong"):
        weights.Check(find_weights(ENGLISH, [str(folder)])).require()
    assert {int(each) - int(before) for each in found} == {10}
    assert niceness() == before


def test_another_type_is_wanted(folder: Path) -> None:
    loaded = loading.load(ENGLISH, [str(folder)], device=CPU, dtype=torch.bfloat16)
    assert loaded.t3.speech_head.weight.dtype == torch.bfloat16
    assert loaded.s3gen.flow.spk_embed_affine_layer.weight.dtype == torch.float32


def test_a_damaged_file_is_refused(folder: Path, tmp_path: Path) -> None:
    place = _copy(folder, tmp_path)
    with (place / ENGLISH.t3).open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    loaded = loading.load(ENGLISH, [str(tmp_path)], device=CPU)
    with pytest.raises(FailedPrecondition, match=r"t3_cfg\.safetensors is damaged"):
        loaded.check.require()


def test_a_file_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    place = _copy(folder, tmp_path)
    (place / SUMS).unlink()
    tensors = load_file(place / ENGLISH.t3)
    save_file({name: each for name, each in tensors.items() if "layers.1" not in name}, place / ENGLISH.t3)
    with pytest.raises(FailedPrecondition, match=r"t3_cfg\.safetensors is of another model: 9 tensors are missing"):
        loading.load(ENGLISH, [str(tmp_path)], device=CPU)
    save_file(tensors | {"text_emb.weight": torch.zeros(7, 1024)}, place / ENGLISH.t3)
    with pytest.raises(FailedPrecondition, match="other shapes"):
        loading.load(ENGLISH, [str(tmp_path)], device=CPU)


def test_a_file_that_is_none_is_refused(folder: Path, tmp_path: Path) -> None:
    place = _copy(folder, tmp_path)
    (place / SUMS).unlink()
    (place / ENGLISH.t3).write_bytes(b"\x80\x04 no safetensors")
    with pytest.raises(FailedPrecondition, match="cannot be read"):
        loading.load(ENGLISH, [str(tmp_path)], device=CPU)


def test_the_first_source_that_has_the_model_counts(folder: Path, tmp_path: Path) -> None:
    files = find_weights(ENGLISH, [str(tmp_path), str(folder)])
    assert files[ENGLISH.t3] == folder / "chatterbox" / ENGLISH.t3
    (tmp_path / "chatterbox").mkdir()
    with pytest.raises(FailedPrecondition, match=r"lacks t3_cfg\.safetensors, s3gen\.safetensors"):
        find_weights(ENGLISH, [str(tmp_path), str(folder)])


def test_weights_that_are_nowhere_are_asked_for() -> None:
    with pytest.raises(FailedPrecondition, match="Mount a folder that has chatterbox/"):
        find_weights(ENGLISH, ["/nowhere"])


@pytest.mark.parametrize("name", ["chatterbox-nano", "chatterbox-multilingual"])
def test_what_the_package_lacks_is_said(name: str) -> None:
    with pytest.raises(FailedPrecondition, match=rf"has no {name}\. Install a newer one"):
        family_named(name)


def test_a_newer_package_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LLAMA_CONFIGS, "GPT2_small", LLAMA_CONFIGS["GPT2_medium"])
    assert family_named("chatterbox-nano").backbone == "GPT2_small"
    monkeypatch.setattr("chatterbox.mtl_tts.MULTILINGUAL_T3_MODELS", {"v3": "…"}, raising=False)
    assert "sw" in family_named("chatterbox-multilingual").languages


def test_multilingual_is_loaded_from_its_own_files(small: Any, tmp_path: Path) -> None:
    family = FAMILIES["chatterbox-multilingual"]
    write_random_weights(tmp_path, family, s3gen=SmallS3Gen)
    loaded = loading.load(family, [str(tmp_path)], device=CPU)
    assert loaded.t3.hp.is_multilingual
    assert loaded.tokenizer.cangjie_converter.cj2word == {"a": ["日", "曰"], "b": ["月"]}
    assert loaded.tokenizer.text_to_tokens("Es war", language_id="de").shape[0] == 1


def test_an_unknown_name_lists_the_right_ones() -> None:
    with pytest.raises(FailedPrecondition, match="choose one of chatterbox, chatterbox-multilingual"):
        family_named("chatterbox-giga")


def _copy(folder: Path, to: Path) -> Path:
    place = to / "chatterbox"
    place.mkdir()
    for file in (folder / "chatterbox").iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place
