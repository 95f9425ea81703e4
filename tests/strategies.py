"""Random values of the language: blocks, archs, damaged texts, spaces and their points.

Blocks are drawn from the options that their dataclasses declare, so that a new primitive is drawn as well.
"""

import string
from dataclasses import Field, fields, replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from blocks import BLOCKS, Block, Head, InvertedResidual, Stem, UserError
from blocks.layers import ACTIVATIONS
from search_spaces.arch import Arch
from search_spaces.space import Space
from search_spaces.stages import Choices, Stage, Value

activations = st.sampled_from(tuple(ACTIVATIONS))
channels = st.sampled_from((4, 6, 8, 12, 16, 24, 32, 48))
_NUMBERS: dict[str, st.SearchStrategy[int | float]] = {
    "t": st.sampled_from((0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.67, 4.0, 6.0)),
    "e": st.sampled_from((0, 0, 4, 8, 12, 16, 20, 24, 48)),
    "g": st.sampled_from((1, 1, 2, 3, 4, 8)),
}


def values(spec: Field[Any]) -> st.SearchStrategy[Any]:
    """Values that an option may take."""
    if spec.type is bool:
        return st.booleans()
    if spec.metadata["choices"]:
        return st.sampled_from(spec.metadata["choices"])
    if spec.name == "out":
        return st.sampled_from((4, 6, 8, 12, 16, 20, 24, 32, 48, 64, 72))
    return _NUMBERS.get(spec.metadata["code"], st.integers(int(spec.metadata["minimum"]), 8))


def buildable(block: Block, in_channels: int) -> bool:
    try:
        block.canonical(in_channels)
    except UserError:
        return False
    return True


@st.composite
def blocks_behind(draw: st.DrawFn, in_channels: int, kind: type[Block] | None = None) -> Block:
    """A block, not canonical, that can be built behind so many channels."""
    kind = kind or draw(st.sampled_from(tuple(BLOCKS.values())))
    drawn = {spec.name: draw(values(spec)) for spec in fields(kind)}  # type: ignore[arg-type]
    block = kind(**drawn)
    plain = {"groups": 1, "out": 72}
    for relaxed in ({}, {"groups": 1}, {"stride": 1}, plain, {**plain, "stride": 1, "identity": 1}):
        known = {name: value for name, value in relaxed.items() if name in drawn}
        candidate: Block = replace(block, **known)  # type: ignore[type-var]
        if buildable(candidate, in_channels):
            return candidate
    assume(False)
    raise AssertionError


stems = st.builds(
    Stem,
    channels,
    kernel=st.sampled_from((3, 5, 7)),
    stride=st.sampled_from((1, 2)),
    activation=activations,
    pool=st.booleans(),
)
heads = st.builds(Head, st.sampled_from((0, 40)), features=st.sampled_from((0, 24)), activation=activations)
eps = st.one_of(
    st.sampled_from((1e-5, 1e-3, 1e-13, 0.00123456789012345)), st.floats(1e-12, 0.5, allow_subnormal=False)
)


@st.composite
def archs(draw: st.DrawFn, most: int = 5) -> Arch:
    """Any valid arch over all primitives and options, runs of equal blocks included."""
    stem = draw(stems)
    width, blocks = stem.out, []
    for _ in range(draw(st.integers(1, most))):
        block = draw(blocks_behind(width))
        run = draw(st.sampled_from((1, 1, 1, 2, 3))) if buildable(block, block.out) else 1
        blocks += [block] * run
        width = block.out
    return Arch(stem, tuple(blocks), draw(heads), draw(eps))


@st.composite
def medleys(draw: st.DrawFn) -> Arch:
    """An arch with a block of every primitive, in any order, with any options."""
    stem = draw(stems)
    width, blocks = stem.out, []
    for kind in draw(st.permutations(tuple(BLOCKS.values()))):
        blocks.append(draw(blocks_behind(width, kind)))
        width = blocks[-1].out
    return Arch(stem, tuple(blocks), draw(heads), draw(eps))


_ODD = string.digits + "-_.x+ \n" + "abcdefghiknoprstuwREHSI6" + "٣²é"


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """The text with one to three characters or parts removed, added, changed or moved."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        what = draw(st.sampled_from(("drop", "add", "change", "number", "lose", "repeat", "swap", "cut")))
        odd = draw(st.sampled_from(_ODD))
        parts = text.split("-")
        if what == "drop":
            text = text[:at] + text[at + 1 :]
        elif what == "add":
            text = text[:at] + odd + text[at:]
        elif what == "change":
            text = text[:at] + odd + text[at + 1 :]
        elif what == "number":
            digits = [i for i, character in enumerate(text) if character in string.digits]
            if digits:
                at = draw(st.sampled_from(digits))
                text = text[:at] + draw(st.sampled_from("012345678")) + text[at + 1 :]
        elif what == "lose":
            text = "-".join(part for i, part in enumerate(parts) if i != at % len(parts))
        elif what == "cut":
            text = text[:at]
        else:
            i, j = (draw(st.integers(0, len(parts) - 1)) for _ in range(2))
            parts[i] = parts[j] if what == "repeat" else parts[i]
            if what == "swap":
                parts[i], parts[j] = parts[j], parts[i]
            text = "-".join(parts)
    return text


def _some(choices: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """One to three of the choices, in any order."""
    return st.lists(st.sampled_from(choices), min_size=1, max_size=3, unique=True).map(tuple)


choices = st.builds(
    Choices,
    block=_some(("ir", "sg")),
    kernel=_some((3, 5, 7)),
    expansion=_some((1, 1.5, 2, 3, 4, 6)),
    squeeze_excite=_some((False, True)),
    activation=_some(tuple(ACTIVATIONS)),
    groups=_some((1, 2, 4, 8)),
)
_stages = st.builds(
    Stage,
    width=_some((8, 16, 24, 40)),
    depth=_some((1, 2, 3, 4)),
    stride=st.sampled_from((1, 2)),
    choices=choices,
)
any_space = st.builds(
    Space,
    name=st.just("any"),
    stages=st.lists(_stages, min_size=1, max_size=3).map(tuple),
    first=st.sampled_from((InvertedResidual(16), None)),
    head_ratio=st.sampled_from((6, 0, (0, 6))),
    features=st.sampled_from((1280, (0, 64))),
    granularity=st.sampled_from(("stage", "block")),
)


@st.composite
def points(draw: st.DrawFn, space: Space) -> dict[str, Value]:
    """A point of the space."""
    return space.draw(lambda dimension: draw(st.sampled_from(dimension.choices)))
