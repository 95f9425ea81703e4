"""The hand-designed networks, as archs like any other; one module a family.

Each table is the paper's, checked against the official code; where copies of it commonly differ, a comment
says which reading is ours. Widths follow each family's own scaling rule.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

from blocks import UserError
from blocks.errors import shown
from search_spaces.arch import Arch
from search_spaces.zoo.mnasnets import efficientnet_b0, efficientnet_lite0, mnasnet_a1, mnasnet_b1
from search_spaces.zoo.mobilenets import mobilenet_v1, mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small
from search_spaces.zoo.mobilenext import mobilenext
from search_spaces.zoo.shufflenets import shufflenet_v1, shufflenet_v2

__all__ = [
    "SMALL",
    "WIDE",
    "ZOO",
    "Family",
    "efficientnet_b0",
    "efficientnet_lite0",
    "get",
    "mnasnet_a1",
    "mnasnet_b1",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "mobilenext",
    "names",
    "refused",
    "shufflenet_v1",
    "shufflenet_v2",
    "split",
]


@dataclass(frozen=True)
class Family:
    """A network of the zoo in its sizes: how to make it, and which variants exist.

    Widths that are listed are those that somebody published; others follow the same rule where it can be
    followed. A network of one width has no rule.
    """

    make: Callable[..., Arch]
    widths: tuple[float, ...] = (1.0,)
    groups: tuple[int, ...] = ()


_V3_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.25)
_NEXT_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.4)
_V2_WIDTHS = (0.5, 1.0, 1.5, 2.0)

ZOO: dict[str, Family] = {
    "mobilenet_v1": Family(mobilenet_v1, (0.25, 0.5, 0.75, 1.0)),
    "mobilenet_v2": Family(mobilenet_v2, (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)),
    "mobilenet_v3_large": Family(mobilenet_v3_large, _V3_WIDTHS),
    "mobilenet_v3_small": Family(mobilenet_v3_small, _V3_WIDTHS),
    "mobilenet_v3_large_minimalistic": Family(partial(mobilenet_v3_large, minimalistic=True), _V3_WIDTHS),
    "mobilenet_v3_small_minimalistic": Family(partial(mobilenet_v3_small, minimalistic=True), _V3_WIDTHS),
    "mobilenet_v3_large_reduced_tail": Family(partial(mobilenet_v3_large, reduced_tail=True), _V3_WIDTHS),
    "mobilenet_v3_small_reduced_tail": Family(partial(mobilenet_v3_small, reduced_tail=True), _V3_WIDTHS),
    "mobilenext": Family(mobilenext, _NEXT_WIDTHS),
    "mobilenext_id2": Family(partial(mobilenext, identity_div=2), _NEXT_WIDTHS),
    "mobilenext_id3": Family(
        partial(mobilenext, identity_div=3), (0.5, 0.75, 1.0)
    ),  # others 3 does not divide
    "mobilenext_id4": Family(partial(mobilenext, identity_div=4), _NEXT_WIDTHS),
    "shufflenet_v1": Family(shufflenet_v1, (0.25, 0.5, 1.0, 1.5, 2.0), (1, 2, 3, 4, 8)),
    "shufflenet_v2": Family(shufflenet_v2, _V2_WIDTHS),
    "shufflenet_v2_figure": Family(partial(shufflenet_v2, figure=True), _V2_WIDTHS),
    "mnasnet_a1": Family(mnasnet_a1, (0.35, 0.5, 0.75, 1.0, 1.4)),
    "mnasnet_b1": Family(mnasnet_b1, (0.5, 0.75, 1.0, 1.3)),
    "efficientnet_b0": Family(efficientnet_b0),
    "efficientnet_lite0": Family(efficientnet_lite0),
}
SMALL = ("mobilenet_v3_small", "mobilenet_v2_x0.5", "shufflenet_v2_x0.5", "shufflenet_v1_g3_x0.5")
"""The baselines that are quick to train."""
WIDE = (
    *SMALL,
    "mobilenet_v2",
    "mobilenet_v3_large",
    "shufflenet_v1_g3",
    "shufflenet_v2_x1.0",
    "mobilenext",
)
"""Those of common width besides."""

_Number = TypeVar("_Number", int, float)
_NAME = re.compile(
    r"(?P<name>[a-z]\w*?)(_g(?P<groups>[0-9]{1,9}))?(_x(?P<width>[0-9]{1,9}([._][0-9]{1,9})?))?"
)


def get(name: str, width: float | None = None, groups: int | None = None) -> Arch:
    """The network of a name: `mobilenet_v2`, with its variant as arguments or in the name.

    `mobilenet_v2_x0.5`, `shufflenet_v1_g8_x0.5` and torchvision's `shufflenet_v2_x1_0` are understood;
    `shufflenet_v2_figure` is the layout of torchvision's weights. Raises UserError with the nearest names
    where there is none, and for a variant that does not exist.
    """
    family, written_width, written_groups = split(name)
    entry = ZOO[family]
    width = _given("width", written_width, width)
    groups = _given("groups", written_groups, groups)
    width = 1.0 if width is None else width
    if len(entry.widths) == 1 and width not in entry.widths:
        raise UserError(f"{family} comes in width {entry.widths[0]:g} only, not {width:g}")
    if not 0.05 <= width <= 10:
        raise UserError(f"{family}: width is {width:g}, expected a factor such as {entry.widths[0]:g}")
    if groups is not None and not entry.groups:
        raise UserError(f"{family} has no groups to choose, got g = {groups}")
    if entry.groups:
        return entry.make(width, 3 if groups is None else groups)
    return entry.make(width) if len(entry.widths) > 1 else entry.make()


def split(name: str) -> tuple[str, float | None, int | None]:
    """The key in `ZOO`, the width and the groups that a full name says; None for what it does not say."""
    match = _NAME.fullmatch(name)
    if match is None or match["name"] not in ZOO:
        near = get_close_matches(match["name"] if match else name[:100], ZOO, n=3, cutoff=0.4) or sorted(ZOO)
        raise UserError(f"no network is called {shown(name)}; the nearest are {', '.join(near)}")
    width, groups = match["width"], match["groups"]
    return (
        match["name"],
        float(width.replace("_", ".")) if width else None,
        int(groups) if groups else None,
    )


def names() -> list[str]:
    """Every listed variant by its full name, `mobilenet_v2_x0.35` and so on, without those refused."""
    return [name for name, error in _variants() if error is None]


def refused() -> dict[str, UserError]:
    """The published variants that plain scaling does not give, by name, each with the reason."""
    return {name: error for name, error in _variants() if error is not None}


def _variants() -> Iterator[tuple[str, UserError | None]]:
    for name, entry in ZOO.items():
        for group in entry.groups or (None,):
            for width in entry.widths:
                full = name + (f"_g{group}" if group else "") + (f"_x{width:g}" if width != 1 else "")
                try:
                    get(full)
                except UserError as error:
                    yield full, error
                else:
                    yield full, None


def _given(what: str, written: _Number | None, argument: _Number | None) -> _Number | None:
    """What the name or the argument says; UserError where they disagree."""
    if written is not None and argument is not None and written != argument:
        raise UserError(f"{what} is {written:g} in the name and {argument:g} beside it; give one of them")
    return argument if written is None else written
