"""The engine: cost, data, training, search, comparison.

`nas.build` and `nas.cost` are functions; everything else is a module (`nas.search`, `nas.train`, ...).
Imports are lazy: building and training work where Ray and Optuna are not installed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.networks.building import build
    from nas.networks.cost import Cost, cost

__all__ = ["Cost", "build", "cost"]
_HOMES = {"build": "nas.networks.building", "cost": "nas.networks.cost", "Cost": "nas.networks.cost"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'nas' has no attribute {name!r}")
