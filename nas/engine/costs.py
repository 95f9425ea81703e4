"""What networks cost elsewhere than at a run's target: as the papers count, and as trained and shipped."""

from collections.abc import Mapping

from nas.common.errors import UserError
from nas.common.quantities import MACS, MEMORY, PARAMS, WEIGHTS
from nas.console.text_table import aligned
from nas.engine.regime import Regime, in_words
from nas.networks.cost import cost
from nas.networks.references import parse

_SHOWN = (MACS, PARAMS, WEIGHTS, MEMORY)


def elsewhere(regime: Regime, networks: Mapping[str, str]) -> list[str]:
    """Lines with a table for each of the regime's other targets; `networks` are texts by what they are called.

    A network that the resolution is too small for is left out.
    """
    lines: list[str] = []
    for words, other in regime.other_targets.items():
        rows = []
        for name, text in networks.items():
            try:
                counted = cost(parse(text), *other)
            except UserError:
                continue
            rows.append([name, *(quantity.cell(getattr(counted, quantity.column)) for quantity in _SHOWN)])
        if rows:
            header = ["network", *(quantity.heading for quantity in _SHOWN)]
            lines += [
                f"costs {words}, {in_words(*other)}:",
                aligned(header, rows, ("network",)),
                "",
            ]
    return lines
