"""Parts of a network that a training leaves as they are: their weights, and their batch norms' statistics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

from torch import nn

from nas.common.errors import UserError
from nas.networks.building import Network
from nas.train.statistics import NORMS, Still


def parts(model: nn.Module, text: str) -> list[nn.Module]:
    """The modules that `text` says: `features`, `stem`, or `stem,2` for the stem and the first two stages.

    `features` is everything but the classifier, the last fully connected layer. A stage is a run of blocks of one
    output width. Raises UserError for what is neither, and where a network has no such parts.
    """
    words = [word.strip() for word in text.split(",")]
    if words == ["features"]:
        return [part for part in model.modules() if not any(True for _ in part.children())][: _before(model)]
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(numbers) > 1 or len(numbers) + words.count("stem") != len(words):
        raise UserError(f"--freeze {text}: expected features, stem, or stem,N for the first N stages too")
    if not isinstance(model, Network):
        raise UserError(
            f"--freeze {text}: a library's classifier has no stages of ours; it takes features alone"
        )
    stages = _stages(model)
    count = numbers[0] if numbers else 0
    if count > len(stages):
        raise UserError(f"--freeze {text}: the network has {len(stages)} stages")
    return [model.stem, *(block for stage in stages[:count] for block in stage)]


def _before(model: nn.Module) -> int:
    """How many of the modules without children come before the classifier."""
    leaves = [part for part in model.modules() if not any(True for _ in part.children())]
    linear = [at for at, part in enumerate(leaves) if isinstance(part, nn.Linear)]
    if not linear:
        raise UserError("--freeze features: the network does not end in a fully connected layer")
    return linear[-1]


def _stages(model: Network) -> list[list[nn.Module]]:
    def width(block: nn.Module) -> int:
        return [part for part in block.modules() if isinstance(part, NORMS)][-1].num_features

    return [list(blocks) for _, blocks in groupby(model.blocks, key=width)]


@contextmanager
def frozen(model: nn.Module, text: str | None) -> Iterator[None]:
    """Freeze the parts that `text` says (`parts`), and thaw them at the end; None freezes nothing."""
    chosen = parts(model, text) if text else []
    weights = [one for part in chosen for one in part.parameters() if one.requires_grad]
    norms = [one for part in chosen for one in part.modules() if isinstance(one, NORMS)]
    for weight in weights:
        weight.requires_grad_(False)
    for norm in norms:
        norm.eval()
        norm.train = Still(norm)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        for norm in norms:
            vars(norm).pop("train", None)
        for weight in weights:
            weight.requires_grad_(True)
