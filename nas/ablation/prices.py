"""What "equal cost" may mean, by name."""

from collections.abc import Mapping, Sequence

from nas.ablation.study import Price
from nas.costs import cost
from nas.errors import UserError

COUNTED = ("macs", "params", "activations")


def prices(names: Sequence[str], resolution: int, classes: int) -> Mapping[str, Price]:
    """The prices of these names, at so many pixels and classes. Raises UserError for what is no price."""
    return {name: _price(name, resolution, classes) for name in names}


def _price(name: str, resolution: int, classes: int) -> Price:
    if name not in COUNTED:
        raise UserError(f"--equal {name}: expected {', '.join(COUNTED)} or none")
    return lambda arch: float(getattr(cost(arch, resolution, classes), name))
