"""The classifiers of other libraries, by name: `torchvision:vgg16`, `timm:xception41`.

A `Reference` stands beside `Arch` wherever a network is built, priced or named; `Model` is either. It is
built untrained, with the library's own options, and wrapped nowhere else.
"""

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import version
from typing import Any, TypeVar

import torch
from torch import nn

from nas.common.errors import UserError, briefly
from nas.common.sizes import Size, area, sides, told
from nas.networks.bounds import check_numbers, check_target
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION, default_table
from nas.networks.counting import Cost, count_module
from search_spaces.arch import Arch

_Result = TypeVar("_Result")
_MANY_CLASSES = 30_000  # with fewer, a classifier is as large as the library means it to be
_AUXILIARY = ("googlenet", "inception_v3")  # have side classifiers for training, which nobody else trains


@dataclass(frozen=True)
class Reference:
    """A classifier that a library keeps. `str` is what a user writes, `LIBRARY:NAME`.

    Raises UserError for a library or a name that is not known, with the nearest names.
    """

    library: str
    name: str

    def __post_init__(self) -> None:
        if self.library not in LIBRARIES:
            expected = ", ".join(f"{library}:NAME" for library in LIBRARIES)
            raise UserError(f"{self.library}:{self.name}: no such library, expected {expected}")
        known = LIBRARIES[self.library].names()
        if self.name.split(".")[0] not in known:
            older = [f"legacy_{self.name}"] if f"legacy_{self.name}" in known else []  # as timm renamed some
            near = older + get_close_matches(self.name, known, n=3, cutoff=0.4) or list(known[:3])
            raise UserError(
                f"{self.library} has no classifier {self.name!r}; the nearest are {', '.join(near)}"
            )

    def __str__(self) -> str:
        return f"{self.library}:{self.name}"

    def build(
        self, num_classes: int = TARGET_CLASSES, resolution: Size = TARGET_RESOLUTION, channels: int = 3
    ) -> nn.Module:
        """The untrained module in training mode: float [N, channels, H, W] to logits [N, num_classes].

        No stride is removed for small images: UserError where the network does not take the resolution.
        """
        check_target(resolution, num_classes, channels)
        if num_classes > _MANY_CLASSES:
            params = sum(p.numel() for p in self.shapes(num_classes, channels).parameters())
            check_numbers(params, channels * area(resolution), resolution)
        module = self._make(num_classes, channels)
        with torch.no_grad():
            self._fits(resolution, lambda: module.eval()(torch.zeros(1, channels, *sides(resolution))))
        return module.train()

    def cost(
        self, resolution: Size = TARGET_RESOLUTION, num_classes: int = TARGET_CLASSES, channels: int = 3
    ) -> Cost:
        """Multiply-adds of its convolutions, fully connected layers and attention, parameters, activations.

        Raises UserError as `build` does.
        """
        key = f"{self} {version(self.library)} {resolution} {num_classes}" + f" {channels} channels" * (
            channels != 3
        )

        check_target(resolution, num_classes, channels)

        def counted() -> Cost:
            shapes = self.shapes(num_classes, channels)
            return self._fits(resolution, lambda: count_module(shapes, channels, resolution))

        return default_table().remembered(key, counted)

    def shapes(self, num_classes: int, channels: int = 3) -> nn.Module:
        """A module without its numbers where the library can make one, which is much faster."""
        with torch.random.fork_rng(devices=[]):
            try:
                with torch.device("meta"):
                    return self._make(num_classes, channels)
            except (RuntimeError, NotImplementedError):  # it looks at a number as it is made
                return self._make(num_classes, channels)

    def _make(self, num_classes: int, channels: int) -> nn.Module:
        return LIBRARIES[self.library].make(self.name, num_classes, channels)

    def _fits(self, resolution: Size, run: Callable[[], _Result]) -> _Result:
        try:
            return run()
        except (RuntimeError, AssertionError, ValueError) as error:
            raise UserError(
                f"{self} does not take images of {told(resolution)} ({briefly(error, 120)}); give another "
                "resolution, larger as a rule"
            ) from None


Model = Arch | Reference
"""What `nas.build` and `nas.cost` take and `str` names."""


@dataclass(frozen=True)
class Library:
    """Where a library's classifiers come from: the names it has, and an untrained one by name, classes and channels."""

    names: Callable[[], tuple[str, ...]]
    make: Callable[[str, int, int], nn.Module]


@cache
def _torchvision_names() -> tuple[str, ...]:
    import torchvision

    return tuple(torchvision.models.list_models(module=torchvision.models))


def _torchvision(name: str, num_classes: int, channels: int) -> nn.Module:
    import torchvision

    options: dict[str, Any] = {"aux_logits": False, "init_weights": True} if name in _AUXILIARY else {}
    module: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=num_classes, **options)
    return module if channels == 3 else _of_channels(module, channels)


def _of_channels(module: nn.Module, channels: int) -> nn.Module:
    """The module with a first convolution for images of so many channels, drawn anew."""
    name, first = next((name, part) for name, part in module.named_modules() if isinstance(part, nn.Conv2d))
    words = ("out_channels", "kernel_size", "stride", "padding", "dilation")
    fresh = nn.Conv2d(channels, **{word: getattr(first, word) for word in words}, bias=first.bias is not None)
    nn.init.kaiming_normal_(fresh.weight, mode="fan_out")
    module.set_submodule(name, fresh)
    return module


def _timm_library() -> Any:
    try:
        return importlib.import_module("timm")
    except ImportError:
        raise UserError("timm is not installed; install it with: pip install timm") from None


@cache
def _timm_names() -> tuple[str, ...]:
    return tuple(_timm_library().list_models())


def _timm(name: str, num_classes: int, channels: int) -> nn.Module:
    options = {} if channels == 3 else {"in_chans": channels}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module: nn.Module = _timm_library().create_model(
            name, pretrained=False, num_classes=num_classes, **options
        )
    return module


LIBRARIES = {
    "torchvision": Library(_torchvision_names, _torchvision),
    "timm": Library(_timm_names, _timm),
}


def is_reference(text: str) -> bool:
    """Whether a text begins with a library's name and a colon."""
    return text.partition(":")[0] in LIBRARIES and ":" in text


def reference(text: str) -> Reference:
    """The classifier of `LIBRARY:NAME`; UserError as `Reference` raises."""
    library, _, name = text.partition(":")
    return Reference(library, name)


def parse(text: str) -> Model:
    """The inverse of `str`: the network that a text says by itself. Raises UserError where it is none."""
    return reference(text) if is_reference(text) else Arch.parse(text)
