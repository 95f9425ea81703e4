"""Checkpoints: what is written is read back to the bit, and what is none is refused in one line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nas.common.errors import UserError
from nas.networks.checkpoint import KEY, VERSION, Card, load, save

CARD = Card(
    network="stem8-ir8_t1-ir16_t2_s2_se-head32",
    classes=("cat", "dog"),
    resolution=32,
    mean=(0.4, 0.5, 0.6),
    std=(0.2, 0.2, 0.3),
    made={"seed": 1, "recipe": {"lr": 0.4}},
)


def test_a_checkpoint_is_read_back_to_the_bit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = CARD.build().eval()
    save(tmp_path / "m.safetensors", CARD, model)
    found = load(tmp_path / "m.safetensors")
    assert found.card == CARD
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(found.network()(images), model(images))


def test_a_checkpoint_is_as_readable_as_any_file(tmp_path: Path) -> None:
    save(tmp_path / "m.safetensors", CARD, CARD.build())
    (tmp_path / "other").write_text("")
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path / "m.safetensors", replace(CARD, network="stem8-ir8_t1-head32"), CARD.build())
    with pytest.raises(UserError, match=r"not those of stem8-ir8_t1-head32: \S+ is \S+, expected"):
        load(tmp_path / "m.safetensors").network()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = CARD.build()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    save(tmp_path / "m.safetensors", CARD, model)
    with pytest.raises(UserError, match="not finite"):
        load(tmp_path / "m.safetensors").network()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    file = tmp_path / "m.safetensors"
    save(file, CARD, CARD.build())
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="no checkpoint, or not a whole one"):
        load(file)


def test_a_pickle_is_refused_unread(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save(Trap(), tmp_path / "m.pt")
    with pytest.raises(UserError, match="no checkpoint"):
        load(tmp_path / "m.pt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"version": VERSION + 1, "more": 1}, "newer version"),
        ({"version": VERSION}, "cannot be read by this version"),
        ([], "cannot be read by this version"),
    ],
)
def test_cards_that_cannot_be_read_are_refused(tmp_path: Path, told: object, said: str) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "m.safetensors", metadata={KEY: json.dumps(told)})
    with pytest.raises(UserError, match=said):
        load(tmp_path / "m.safetensors")


def test_foreign_weights_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "m.safetensors")
    with pytest.raises(UserError, match="does not say of what"):
        load(tmp_path / "m.safetensors")
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "none.safetensors")
