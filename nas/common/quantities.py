"""The costs of a network, once each: the column of tables, the label, the unit, and how a figure is shown.

Multiply-adds are those of convolutions, fully connected layers and attention, as in the papers' tables. Bytes are
those of `nas.networks.counting.weight_bytes` and `nas.networks.memory`, at int8.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """A cost that can be an objective, an axis, or held equal.

    name: as a user writes it. column: of results, in units of which `scale` make one `unit`. places: behind the point
    in tables. For a latency, name the device in the label: `replace(LATENCY, label=...)`.
    """

    name: str
    column: str
    label: str
    unit: str
    scale: float
    places: int = 2

    @property
    def title(self) -> str:
        """The label with its unit, for an axis."""
        return f"{self.label} ({self.unit})"

    @property
    def phrase(self) -> str:
        """The label as it stands within a sentence."""
        return self.label[0].lower() + self.label[1:]

    @property
    def heading(self) -> str:
        """Above a column of a table: `M multiply-adds`."""
        return f"{self.unit} {self.phrase}"

    def cell(self, value: float) -> str:
        """`value`, in the column's units, as it stands below the heading: `56.51`."""
        return f"{value / self.scale:.{self.places}f}"

    def show(self, value: float) -> str:
        """`value`, in the column's units, to three figures and with the unit: `56.5 M`."""
        return f"{digits(value / self.scale)} {self.unit}"


MACS = Quantity("macs", "macs", "Multiply-adds", "M", 1e6)
PARAMS = Quantity("params", "params", "Parameters", "M", 1e6, 3)
ACTIVATIONS = Quantity("activations", "activations", "Activations", "M", 1e6)
KB = 1024
"""Bytes of a kilobyte: of what memories and the boards' data sheets count in."""
WEIGHTS = Quantity("weights", "weights", "Weights at int8", "KB", KB, 1)
MEMORY = Quantity("memory", "memory", "Peak memory at int8", "KB", KB, 1)
LATENCY = Quantity("latency", "latency_ms", "Latency", "ms", 1.0)

COUNTED = (MACS, PARAMS, ACTIVATIONS, WEIGHTS, MEMORY)
"""Known of every network, from its definition."""
COUNTED_COLUMNS = tuple(quantity.column for quantity in COUNTED)
QUANTITIES = {quantity.name: quantity for quantity in (*COUNTED, LATENCY)}
"""Every cost by its name."""
COLUMNS = {quantity.column: quantity for quantity in QUANTITIES.values()}
"""Every cost by its column."""


def digits(value: float) -> str:
    """`value` to about three figures, never in scientific notation: 0.31, 4.20, 56.5, 217."""
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"
