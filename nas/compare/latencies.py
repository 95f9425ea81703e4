"""The latency of a comparison's networks, predicted by a table: found once, before the first training, and noted."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nas.common.errors import UserError
from nas.latency.conditions import Conditions
from nas.networks.references import Model
from search_spaces import Arch

if TYPE_CHECKING:
    from nas.latency.table.table import Table


def find_table(named: str | None, resolution: int, classes: int) -> "Table":
    """The table that is named, by file or import, else this machine's. Raises UserError where there is none."""
    from nas.latency.table.file import find

    if named is None:
        return find(Conditions(resolution=resolution, classes=classes))
    table = find(named)
    of = table.fingerprint
    if (of.resolution, of.classes) != (resolution, classes):
        raise UserError(
            f"the latency table {named} is for {of.resolution}x{of.resolution} and {of.classes} classes, costs are "
            f"for {resolution}x{resolution} and {classes}; give --target-resolution {of.resolution} "
            f"--target-classes {of.classes}, or another table"
        )
    return table


def predicted(table: "Table | None", networks: Iterable[Model]) -> dict[str, Any]:
    """As noted in a study: milliseconds by text, and on what. A library's classifier has none."""
    if table is None:
        return {}
    told = {str(network): table.predict(network).ms for network in networks if isinstance(network, Arch)}
    return {"latency_ms": told, "latency_of": str(table.fingerprint)}
