"""What "equal cost" may mean, by name."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nas.ablate.study import Price
from nas.common.errors import UserError
from nas.common.quantities import LATENCY, QUANTITIES
from nas.networks.cost import cost

if TYPE_CHECKING:
    from nas.latency.table.table import Table


def prices(
    names: Sequence[str], resolution: int, classes: int, table: "Table | None" = None
) -> Mapping[str, Price]:
    """The prices of these names, at so many pixels and classes: counted, or by a table predicted milliseconds.

    Raises UserError for what is no price.
    """
    check(names)
    if LATENCY.name in names and table is None:
        raise UserError("--equal latency: there is no latency table to predict it")

    def price(name: str) -> Price:
        if name == LATENCY.name and table is not None:
            return lambda arch: table.predict(arch).ms
        return lambda arch: float(getattr(cost(arch, resolution, classes), name))

    return {name: price(name) for name in names}


def check(names: Sequence[str]) -> None:
    """Raises UserError for what is no price."""
    for name in names:
        if name not in QUANTITIES:
            raise UserError(f"--equal {name}: expected {', '.join(QUANTITIES)} or none")
