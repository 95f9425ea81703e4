"""All that is known of what a network costs before it is trained: counted, and where there is a table, its latency.

One function gives it to whoever asks: the proposer, the sampler, the record, the display.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nas.common.errors import UserError
from nas.common.quantities import COUNTED_COLUMNS
from nas.latency.conditions import Prediction
from nas.latency.table.table import Table
from nas.networks.cost import cost
from nas.search.settings import Settings
from search_spaces import Arch

_PREDICTED = {"predicted_ms": "ms", "predicted_low": "low", "predicted_high": "high"}


@dataclass(frozen=True)
class Price:
    """What is counted, as in `nas.networks.cost.Cost`, and the predicted latency, if any.

    Bytes are NaN of a trial that was stored before they were counted.
    """

    macs: int
    params: int
    activations: int
    weights: float = math.nan
    memory: float = math.nan
    latency: Prediction | None = None

    @property
    def latency_ms(self) -> float:
        """Milliseconds as predicted; NaN where nothing predicts them."""
        return self.latency.ms if self.latency else math.nan

    def attributes(self) -> dict[str, Any]:
        """As stored with a trial."""
        every = {name: getattr(self, name) for name in COUNTED_COLUMNS}
        counted = {name: value for name, value in every.items() if not math.isnan(value)}
        if self.latency is None:
            return counted
        return counted | {name: getattr(self.latency, part) for name, part in _PREDICTED.items()}

    @classmethod
    def stored(cls, attributes: Mapping[str, Any]) -> "Price":
        """The inverse of `attributes`; other entries are passed over."""
        latency = None
        if "predicted_ms" in attributes:
            latency = Prediction(*(float(attributes[name]) for name in _PREDICTED))
        return cls(
            **{name: attributes[name] for name in COUNTED_COLUMNS if name in attributes}, latency=latency
        )


Pricer = Callable[[Arch], Price]


def pricer(settings: Settings, table: Table | None = None) -> Pricer:
    """What prices an arch at a run's target; with its latency where the run has a table.

    Raises UserError where the run was begun with a table and another one, or none, is given.
    """
    if settings.latency is not None:
        if table is None:
            raise UserError(
                f"the run needs its latency table ({settings.latency}); give it to --latency-table"
            )
        settings.latency.check(table)

    def price(arch: Arch) -> Price:
        counted = cost(arch, *settings.costed)
        latency = None if table is None else table.predict(arch)
        return Price(**{name: getattr(counted, name) for name in COUNTED_COLUMNS}, latency=latency)

    return price
