"""Spaces small enough to be enumerated, and their enumeration, apart from the project's own code."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from search_spaces.space import Space
from search_spaces.stages import Choices, Params, Stage, Value

OPTIONS = ("block", "kernel", "expansion", "squeeze_excite", "activation", "groups")
FIRST = ("block", "expansion", "activation")

STAGE = Space(
    "tiny",
    (
        Stage((16, 24), (2, 3), 2, Choices(("ir", "sg"), (3,), (2, 4), (False,), ("RE",), (1, 2))),
        Stage((24,), (2,), 1, Choices(("ir",), (3, 5), (3,), (False, True), ("HS",), (1,))),
    ),
)
BLOCK = Space(
    "tiny",
    (Stage((16, 24), (2, 3), 2, Choices(("ir",), (3, 5), (3, 4), (False,), ("RE",), (1, 2))),),
    granularity="block",
)
DEAD = replace(  # an inverted residual behind a SandGlass of the same expansion has no use for groups
    BLOCK, stages=(Stage((16,), (2, 3), 2, Choices(("ir", "sg"), (3,), (4,), (False,), ("RE",), (1, 2))),)
)


def enumerated(space: Space) -> list[dict[str, Value]]:
    """All points, stage by stage, depth by depth."""
    stages = [list(_stage_points(space, number)) for number in range(len(space.stages))]
    for name, choices in (("head.ratio", space.head_ratio), ("head.features", space.features)):
        if isinstance(choices, tuple):
            stages.append([{name: choice} for choice in choices])
    return [{k: v for part in parts for k, v in part.items()} for parts in product(*stages)]


def _stage_points(space: Space, number: int) -> Iterator[dict[str, Value]]:
    stage, prefix = space.stages[number], f"s{number + 1}"
    for width, depth in product(stage.width, stage.depth):
        names = [f"{prefix}.{option}" for option in OPTIONS]
        options = list(OPTIONS)
        if space.granularity == "block":
            pairs = [(b, o) for b in range(1, depth + 1) for o in OPTIONS if b > 1 or o in FIRST]
            names = [f"{prefix}.b{b}.{option}" for b, option in pairs]
            options = [option for _, option in pairs]
        for picked in product(*(getattr(stage.choices, option) for option in options)):
            yield {
                f"{prefix}.width": width,
                f"{prefix}.depth": depth,
                **dict(zip(names, picked, strict=True)),
            }


def differing(one: Params, other: Params) -> set[str]:
    """The names whose choices differ, those that one of the points lacks included."""
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
