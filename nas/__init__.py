"""The engine: cost, data, training, search, comparison.

`nas.build` and `nas.cost` are functions; everything else is a module (`nas.search`, `nas.train`, ...).
Imports are lazy: building and training work where Ray and Optuna are not installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.networks.building import build
    from nas.networks.cost import cost
    from nas.networks.counting import Cost

__all__ = ["Cost", "__version__", "build", "cost"]
COMMANDS = {
    "search": "search a space for the best networks under a budget",
    "compare": "train networks by one recipe, with several seeds, and set them side by side",
    "ablate": "say what each component of a network earns",
    "train": "train one network at length",
    "export": "write a trained network for another runtime",
    "predict": "name the classes of images by a trained network",
    "describe": "show a network's layers and costs",
    "data": "say what a data set holds and what will be done with it",
    "zoo": "list the hand-designed networks with published figures",
    "latency": "measure milliseconds, make and use tables of them",
    "report": "write a run's tables and pictures anew",
    "dashboard": "watch a search on a page of this machine",
    "importance": "say which choices of a search mattered",
    "doctor": "say what this machine will use",
    "bench": "measure samplers, trainer and kernels",
}
"""What `python -m nas.NAME` does. Each is a module as well; most export a function of their name."""
_HOMES = {"build": "nas.networks.building", "cost": "nas.networks.cost", "Cost": "nas.networks.counting"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("nas-search")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in COMMANDS:
        return import_module(f"nas.{name}")
    raise AttributeError(f"module 'nas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *COMMANDS])
