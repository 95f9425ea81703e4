"""A primitive is one file: with a line in the register it works in spaces and in ablations alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pytest
from torch import nn

import nas
from blocks import BLOCKS, Block, make_divisible
from blocks.base import Change, Place, in_ratio
from blocks.layers import ACTIVATIONS, ConvNorm, Norm
from blocks.options import option
from nas.ablate.asked import prices
from nas.ablate.components import COMPONENTS, get, variants
from nas.ablate.equal import TOLERANCE, equalise
from nas.ablate.stages import stages
from nas.ablate.study import Variant
from search_spaces import Arch, Space, spaces
from search_spaces.stages import Choices, Stage


@dataclass(frozen=True)
class Bare(Block):
    """A made-up primitive that says nothing of stages: a full convolution."""

    token: ClassVar[str] = "bare"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5))
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))

    def canonical(self, in_channels: int) -> Self:
        return self

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        options = {"kernel": self.kernel, "stride": self.stride, "activation": self.activation}
        return ConvNorm(in_channels, self.out, norm, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Waist(Block):
    """A made-up primitive that is narrow inside: two convolutions."""

    token: ClassVar[str] = "waist"
    expands: ClassVar[Literal["between"]] = "between"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5))
    inner: int = option(8, "e")
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))

    def canonical(self, in_channels: int) -> Self:
        return self

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        last = ConvNorm(self.inner, self.out, norm, kernel=self.kernel, stride=self.stride)
        return nn.Sequential(ConvNorm(in_channels, self.inner, norm, activation=self.activation), last)

    def inner_width(self, in_channels: int) -> int:
        return self.inner

    @classmethod
    def in_stage(cls, place: Place, options: Mapping[str, Any]) -> Self:
        return cls(place.wide, inner=place.width, **options)

    def narrow_width(self, in_channels: int) -> int:
        return self.inner

    def ratio(self, in_channels: int, narrow: int) -> float:
        return self.out / self.inner

    def expanded(self, expansion: int, in_channels: int, narrow: int) -> Self:
        return replace(self, out=make_divisible(self.inner * expansion))

    def resized(self, channels: Change, narrow: Change, own: Change) -> Self:
        return replace(self, out=in_ratio(self.out, own), inner=own[1])


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Bare, Waist):
        monkeypatch.setitem(BLOCKS, kind.token, kind)


def space(*kinds: str) -> Space:
    choices = Choices(block=kinds, expansion=(2, 4), squeeze_excite=(False,), groups=(1,))
    return Space("made up", (Stage((24, 40), (2, 3), 2, choices), Stage((48, 64), (2,), 2, choices)))


def of_kind(kind: type[Block], seed: int = 0) -> Arch:
    return space(kind.token).sample(np.random.default_rng(seed))


def every(arch: Arch) -> Iterator[Variant]:
    for component in COMPONENTS.values():
        yield from variants(component, arch, per_stage=True)


def made(arch: Arch, component: str, label: str) -> Arch:
    return {v.label: v.arch for v in variants(get(component), arch)}[label]  # type: ignore[return-value]


@pytest.mark.parametrize("granularity", ["stage", "block"])
def test_spaces_draw_it_read_it_and_find_its_neighbours(granularity: str) -> None:
    mixed = replace(space("ir", "sg", "bare", "waist"), granularity=granularity)
    archs = [mixed.sample(np.random.default_rng(seed)) for seed in range(20)]
    assert {block.token for arch in archs for block in arch.blocks} == {"ir", "sg", "bare", "waist"}
    for arch in archs:
        assert Arch.parse(str(arch)) == arch == mixed.arch(mixed.params(arch))
    assert all(mixed.contains(other) for other in mixed.neighbours(archs[0]))
    nas.build(archs[0], 5, 32)


def test_the_nearest_point_of_one_that_expands() -> None:
    arch = of_kind(Waist)
    near = space("ir", "waist").nearest(replace(arch, eps=0.001))
    assert near.arch == arch and near.differences == ("eps: 0.001 -> 1e-05",)
    assert spaces.get().nearest(arch).params["s2.width"] in (24, 40)


@pytest.mark.parametrize("kind", [Bare, Waist])
def test_every_component_takes_it(kind: type[Block]) -> None:
    arch = of_kind(kind)
    assert len(stages(arch)) == 3
    changed = {v.component for v in every(arch) if v.arch not in (None, arch)}
    assert {"kernel", "activation", "depth", "width", "stem"} <= changed
    assert ("expansion" in changed) == ("block" in changed) == (kind is Waist)


def test_it_is_switched_for_the_kinds_that_expand() -> None:
    """At the stage's widths: as the space itself makes them."""
    point = {
        name: "waist" if name.endswith("block") else v
        for name, v in space("waist").params(of_kind(Waist)).items()
    }
    both = space("ir", "sg", "waist")
    for token in ("ir", "sg"):
        other = both.arch({name: token if name.endswith("block") else v for name, v in point.items()})
        assert made(both.arch(point), "block", f"waist -> {token}") == other
        assert made(other, "block", f"{token} -> waist").blocks[1:] == both.arch(point).blocks[1:]


@pytest.mark.parametrize("kind", [Bare, Waist])
def test_it_is_resized_to_equal_cost(kind: type[Block]) -> None:
    arch = of_kind(kind)
    price = prices(["macs"], 64, 10)["macs"]
    larger = made(arch, "kernel", "5 -> 3" if "k5" in str(arch) else "3 -> 5")
    found = equalise(arch, larger, price)
    assert found.arch is not None and abs(price(found.arch) / price(arch) - 1) <= TOLERANCE
    assert {block.kernel for block in found.arch.blocks[1:]} == {block.kernel for block in larger.blocks[1:]}  # type: ignore[attr-defined]
