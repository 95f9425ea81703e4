"""Networks for images that are not square: built, counted and stored like all others, height before width."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import nas
from nas.common.errors import UserError
from nas.common.sizes import Rectangle, Size, read_size, sides, size_of, smaller
from nas.describe.__main__ import main as describe_main
from nas.describe.drawing import svg
from nas.describe.layers import describe
from nas.networks.checkpoint import Card, load, save
from nas.networks.cost import default_table
from nas.networks.counting import recount
from nas.networks.references import reference
from search_spaces import Arch, spaces, zoo
from tests.examples import few
from tests.live_tensors import peak

ARCH = Arch.parse("stem8-ir8_t1-ir16_t2_s2_se-head32")
lengths = st.integers(8, 160)


def multiplied(network: nn.Module, size: Size) -> int:
    """Multiply-adds by torch's own counter."""
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        network.to("meta").eval()(torch.empty(1, 3, *sides(size)))
    return int(counter.get_total_flops()) // 2


@settings(max_examples=few(18), deadline=None)
@given(st.integers(0, 10**6), lengths, lengths, st.sampled_from(spaces.NAMES))
def test_multiply_adds_are_those_of_another_counter(seed: int, high: int, wide: int, space: str) -> None:
    arch, size = spaces.get(space).sample(np.random.default_rng(seed)), size_of(high, wide)
    assert nas.cost(arch, size, 7).macs == multiplied(nas.build(arch, 7, size), size)


@settings(max_examples=few(9), deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 64), st.integers(8, 64))
def test_memory_is_that_of_another_count(seed: int, high: int, wide: int) -> None:
    arch, size = spaces.get().sample(np.random.default_rng(seed)), size_of(high, wide)
    assert nas.cost(arch, size, 7).memory == peak(nas.build(arch, 7, size), size)


@given(st.integers(0, 10**6), st.integers(4, 300), st.integers(4, 300), st.integers(2, 4))
def test_strides_go_by_the_smaller_side(seed: int, high: int, wide: int, final: int) -> None:
    arch, size = spaces.get().sample(np.random.default_rng(seed)), size_of(high, wide)
    try:
        built = arch.fitted(size, final)
    except UserError as error:
        with pytest.raises(UserError, match="too small"):
            arch.fitted(min(high, wide), final)
        assert f"a resolution of {size} is too small" in str(error)
        return
    assert built == arch.fitted(min(high, wide), final)
    left = built.final_size(size)
    assert smaller(left) >= final
    assert sides(left) == (built.final_size(high), built.final_size(wide))


def test_a_rectangle_costs_half_of_the_square_around_it_and_as_much_turned() -> None:
    network = zoo.get("mobilenet_v2")
    flat, upright = (nas.cost(network, read_size(text, "")) for text in ("224x448", "448x224"))
    assert flat == upright
    square = nas.cost(network, 224)
    classifier = 1280 * 1000
    assert flat.macs - classifier == 2 * (square.macs - classifier)
    assert (flat.params, flat.weights) == (square.params, square.weights)


def test_height_comes_first() -> None:
    class Upright(nn.Module):
        """Takes what is twice as high as wide, and nothing else."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[2] == 2 * x.shape[3]
            return x.mean((2, 3))

    assert recount(Upright(), 3, Rectangle(64, 32)) == 0
    entries = default_table().parts(ARCH, Rectangle(64, 32), 5)
    assert len(entries) == 4
    logits = nas.build(ARCH, 5, Rectangle(64, 32)).eval()(torch.zeros(2, 3, 64, 32))
    assert logits.shape == (2, 5)


def test_the_table_of_layers_adds_up_and_says_both_sides() -> None:
    size = Rectangle(64, 128)
    for model in (ARCH, zoo.get("mobilenet_v3_small"), reference("torchvision:mobilenet_v2")):
        found = describe(model, size, 10)
        assert sum(layer.macs for layer in found.layers) == nas.cost(model, size, 10).macs
        assert (found.layers[0].size, found.layers[0].out_size) == (size, Rectangle(32, 64))
        assert max(layer.memory for layer in found.layers) == nas.cost(model, size, 10).memory
        drawn = svg(found)
        assert "at 64x128: " in drawn and "32x64" in drawn


def test_describe_prints_and_checks_it(capsys: pytest.CaptureFixture[str]) -> None:
    describe_main(str(ARCH), resolution="32x64", classes=5, check=True)
    out = capsys.readouterr().out
    assert "at 32x64 with 5 classes" in out and "32x64x3" in out and "average 8x16" in out
    (counted,) = [line for line in out.splitlines() if line.startswith("fvcore counts")]
    assert counted.split()[2] == counted.split()[-1]


def test_a_checkpoint_keeps_its_size_and_way(tmp_path: Path) -> None:
    """An old one, which says neither, is of a square and cropped."""
    told = {"network": str(ARCH), "classes": ("a", "b"), "mean": (0.5,) * 3, "std": (0.5,) * 3}
    for size, fit in ((Rectangle(16, 40), "pad"), (16, "stretch")):
        card = Card(**told, resolution=size, fit=fit)  # type: ignore[arg-type]
        save(tmp_path / "model.safetensors", card, card.build())
        found = load(tmp_path / "model.safetensors")
        assert found.card == card
        found.network()
    assert Card(**told, resolution=16).fit == "crop"  # type: ignore[arg-type]
    with pytest.raises(UserError, match="--fit squeeze"):
        Card(**told, resolution=16, fit="squeeze")  # type: ignore[arg-type]
