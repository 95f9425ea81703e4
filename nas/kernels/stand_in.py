"""Convolutions that compute otherwise for the time of a training: their class is exchanged, nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Answer = TypeVar("Answer")


class StandIn(nn.Conv2d):
    """A bias-free `nn.Conv2d` that is trained in another way; `asked` remembers what was decided for it.

    A copy, also a pickled one, is an ordinary convolution: it may outlive the training.
    """

    asked: dict[Any, Any]

    @staticmethod
    def suits(module: nn.Module) -> bool:
        """Whether a module is a convolution that this kind can stand in for."""
        raise NotImplementedError

    def remembered(self, x: Tensor, side: int, ask: Callable[[torch.dtype], Answer]) -> Answer:
        """What is to be done with x on maps of that side: asked once for each type that it is computed in."""
        dtype = computed_in(x)
        if (dtype, side) not in self.asked:
            self.asked[dtype, side] = ask(dtype)
        answer: Answer = self.asked[dtype, side]
        return answer

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        state = {name: value for name, value in self.__dict__.items() if name != "asked"}
        return object.__new__, (nn.Conv2d,), state


def computed_in(x: Tensor) -> torch.dtype:
    """The type of a convolution of x on the CPU: autocast's where it is on."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


@contextmanager
def standing_in(model: nn.Module, *kinds: type[StandIn]) -> Iterator[None]:
    """Make convolutions of the kind that suits them; undo it at the end."""
    swapped = {module: kind for kind in kinds for module in model.modules() if kind.suits(module)}
    for module, kind in swapped.items():
        module.__class__ = kind
        module.asked = {}  # type: ignore[assignment]  # of nn.Module's values
    try:
        yield
    finally:
        for module in swapped:
            module.__class__ = nn.Conv2d
            module.__dict__.pop("asked", None)
