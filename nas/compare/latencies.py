"""The latency of a comparison's networks, predicted by a table before the first training, and noted."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nas.networks.references import Model
from search_spaces import Arch

if TYPE_CHECKING:
    from nas.latency.table.table import Table


def predicted(table: "Table | None", networks: Iterable[Model]) -> dict[str, Any]:
    """As noted in a study: milliseconds by text, and on what. A library's classifier has none."""
    if table is None:
        return {}
    told = {str(network): table.predict(network).ms for network in networks if isinstance(network, Arch)}
    return {"latency_ms": told, "latency_of": str(table.fingerprint)}
