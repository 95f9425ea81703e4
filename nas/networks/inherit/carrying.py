"""The numbers of one layer from the parent's: kernels cropped or embedded, channels chosen, groups kept whole."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from nas.networks.inherit.correspondence import Correspondence
from nas.networks.inherit.pieces import PieceLayer

OPEN = 2.0
"""What goes into the gate of a squeeze-excite that is added: 5 / 6 of a hard sigmoid, 0.88 of a sigmoid.

The layer behind it is divided by that, so that the gate counts as one. At one itself a hard sigmoid has no slope, and
would stay there for ever.
"""


@dataclass(frozen=True, eq=False)
class Carried:
    """What a layer of the child gets of the parent's `source`.

    outs: for each output channel the parent's, or -1 where it stays as it was made. weight: of the whole layer.
    share: of its weights that are the parent's. whole: whether these outputs are computed as the parent computes them.
    """

    layer: PieceLayer
    source: PieceLayer
    outs: Tensor
    weight: Tensor
    share: float
    whole: bool

    def put(self) -> None:
        """Write them: weights, biases, and the norm with its statistics."""
        rows = (self.outs >= 0).nonzero().flatten()
        theirs = self.outs[rows]
        with torch.no_grad():
            self.layer.module.weight.copy_(self.weight)
            if self.layer.module.bias is not None and self.source.module.bias is not None:
                _copy(self.layer.module.bias, rows, self.source.module.bias, theirs)
            mine, norm = self.layer.norm, self.source.norm
            if mine is None or norm is None:
                return
            for name in ("weight", "bias", "running_mean", "running_var"):
                _copy(getattr(mine, name), rows, getattr(norm, name), theirs)
            if mine.num_batches_tracked is not None and norm.num_batches_tracked is not None:
                mine.num_batches_tracked.copy_(norm.num_batches_tracked)


def _copy(mine: Tensor, rows: Tensor, theirs: Tensor, chosen: Tensor) -> None:
    mine[rows.to(mine.device)] = theirs[chosen.to(theirs.device)].to(mine)


def carried(
    mine: PieceLayer, known: Correspondence, factor: Tensor | None, opened: float | None
) -> Carried | None:
    """What a paired layer gets; None where nothing that it reads, or makes, is the parent's.

    factor: of each of the parent's input channels, the mean gate of a squeeze-excite before it that the child lacks.
    opened: the gate that one which the parent lacks starts with.
    """
    theirs = known.layers[mine.name]
    outs, columns = known.outputs(mine), known.inputs(mine)
    old, new = theirs.module.weight.detach(), mine.module.weight.detach()
    each_theirs, each_mine = old.shape[0] // theirs.groups, new.shape[0] // mine.groups
    columns = columns.reshape(mine.groups, -1)[torch.arange(new.shape[0]) // each_mine]
    rows = outs[:, None]
    local = columns - rows.div(each_theirs, rounding_mode="floor") * old.shape[1]
    valid = (rows >= 0) & (columns >= 0) & (local >= 0) & (local < old.shape[1])
    kept = valid.any(1)
    if not kept.any():
        return None
    taken = old[rows.clamp(min=0).to(old.device), local.clamp(0, old.shape[1] - 1).to(old.device)]
    if factor is not None:
        taken = taken * _beside(factor[columns.clamp(min=0)], taken)
    if opened is not None:
        taken = taken / opened
    taken = _fitted(torch.where(_beside(valid, taken), taken, torch.zeros_like(taken)), new)
    weight = torch.where(_beside(kept[:, None], taken), taken.to(new), new)
    lost = any(a < b for a, b in zip(new.shape[2:], old.shape[2:], strict=True))
    taps = [min(a, b) / a for a, b in zip(new.shape[2:], old.shape[2:], strict=True)]
    share = prod(taps) * valid[kept].sum().item() / valid.numel()
    complete = bool((valid.sum(1)[outs >= 0] == old.shape[1]).all())
    return Carried(
        mine,
        theirs,
        torch.where(kept, outs, -1),
        weight,
        share,
        complete and not lost and _alike(mine, theirs),
    )


def _beside(value: Tensor, weight: Tensor) -> Tensor:
    """A value for each output and input channel, to be used with weights [out, in, ...]."""
    return value.reshape(*value.shape, *[1] * (weight.ndim - 2)).to(weight.device)


def _fitted(weight: Tensor, to: Tensor) -> Tensor:
    """Kernels cropped to their middle, or with zeros around them."""
    pads: list[int] = []
    for old, new in zip(reversed(weight.shape[2:]), reversed(to.shape[2:]), strict=True):
        pads += [(new - old) // 2, new - old - (new - old) // 2]
    return nn.functional.pad(weight, pads) if any(pads) else weight


def _alike(mine: PieceLayer, theirs: PieceLayer) -> bool:
    """Whether the taps stand where the parent's do, on the same points of the map."""
    return all(
        getattr(mine.module, name, None) == getattr(theirs.module, name, None)
        for name in ("stride", "dilation")
    )
