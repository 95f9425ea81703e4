"""First weights from the trained network of another arch: what `--init` does where the archs differ."""

import torch
from torch import Tensor, nn

from nas.common.errors import UserError
from nas.common.sizes import Size, area
from nas.data.dataset import Dataset
from nas.networks.building import Network, build
from nas.networks.inherit import Inheritance, inherit
from nas.networks.pretrained import Pretrained, put_in
from nas.networks.references import Model, parse
from nas.train.batches import normaliser
from search_spaces.arch import Arch

IMAGES, PIXELS, FEWEST = 256, 4_000_000, 32
"""On which the child's norms are measured: so many, fewer where they come to more pixels; all are in memory at once."""


def parent_arch(network: Model, given: Pretrained) -> Arch | None:
    """The arch of these weights, where it is known and another than the network's own; else None."""
    told = given.network or given.arch
    if told is None or not isinstance(network, Arch):
        return None
    arch = parse(told)
    return arch if isinstance(arch, Arch) and arch != network else None


def inherit_from(
    arch: Arch, given: Pretrained, model: nn.Module, resolution: Size, data: Dataset
) -> Inheritance:
    """Give a network that was just built what it can have of these weights of `arch`.

    The classifier goes with them where its classes are those of the data, in the same order. Raises UserError for
    weights that are not `arch`'s.
    """
    assert isinstance(model, Network)
    classes = given.classes or _numbered(given)
    parent = build(arch, len(classes), resolution, data.channels)
    put_in(parent, arch, given, classes)
    return inherit(parent, model, sample(data, resolution), classifier=given.classes == data.classes)


def sample(data: Dataset, resolution: Size) -> Tensor:
    """Training images as a network gets them, float [N, C, H, W]: a few hundred, each class in its share."""
    count = min(IMAGES, max(FEWEST, PIXELS // area(resolution)))
    pixels = torch.tensor(data.train().images[:count])
    return normaliser(data, torch.device("cpu"))(pixels)


def _numbered(given: Pretrained) -> tuple[str, ...]:
    """Names for classes that the weights do not name: as many as the classifier has rows."""
    rows = [len(one) for one in given.state.values() if one.ndim == 2]
    if not rows:
        raise UserError(f"{given.source}: no classifier is among the weights")
    return tuple(map(str, range(rows[-1])))
