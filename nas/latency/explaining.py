"""Where multiply-adds mislead about time: what switching one component does to both, by a table.

Networks of the space are drawn, one component is set in every stage to one choice and then to another, and
what changes is compared: a component above the diagonal costs more time than its multiply-adds say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from blocks import InvertedResidual, SandGlass
from nas.common.quantities import LATENCY, MACS, digits
from nas.common.sizes import told
from nas.figures.axes import Axis, cost_axis
from nas.figures.drawing import Label, Panel, Series, Style, scatter
from nas.figures.layout import LEFT, RIGHT, Sheet
from nas.figures.markup import escape
from nas.latency.table.calibration import Floats
from nas.latency.table.table import Table
from nas.networks.cost import cost
from search_spaces import Arch, Space

DRAWN = 600
PAIRS = 100
_WORDS: Mapping[str, str] = {
    "squeeze_excite False": "without SE",
    "squeeze_excite True": "SE",
    "activation RE": "ReLU",
    "activation HS": "h-swish",
    f"block {InvertedResidual.token}": "inverted residual",
    f"block {SandGlass.token}": "SandGlass",
}
_COMPONENTS = ("groups", "squeeze_excite", "activation", "block", "kernel")
_STYLES = {
    "other networks": Style("#8fb3d1", "circle", 6, opacity=0.7),
    "mostly grouped": Style("#d55e00", "triangle-up", 7, opacity=0.8),
    "mostly SandGlass": Style("#009e73", "square", 6, opacity=0.8),
    "timed whole": Style("#222222", "diamond", 9),
}
_DIAGONAL = Style("#666666", line=1.3)
_COLORS = {"groups": "#d55e00", "squeeze_excite": "#cc79a7", "activation": "#e69f00", "block": "#009e73"}
_OTHER = "#0072b2"


@dataclass(frozen=True)
class Change:
    """What a component does: median factors on multiply-adds and on time over networks, the latter's quartiles."""

    component: str
    change: str
    macs: float
    time: float
    low: float
    high: float
    networks: int

    @property
    def misleading(self) -> float:
        """By what factor the time of a multiply-add grows."""
        return self.time / self.macs


def effects(table: Table, space: Space, pairs: int = PAIRS) -> list[Change]:
    """Every change from a component's first choice to another, where the space has both in some stage."""
    rng = np.random.default_rng(0)
    points = [space.params(space.sample(rng)) for _ in range(pairs)]
    changes = []
    for component in _COMPONENTS:
        dimensions = [d for d in space.dimensions if d.option == component]
        choices = list(dict.fromkeys(choice for d in dimensions for choice in d.choices))
        for other in choices[1:]:
            live = [d.name for d in dimensions if choices[0] in d.choices and other in d.choices]
            ratios = []
            for point in points:
                before, after = (
                    space.arch({**point, **{name: value for name in live if name in point}})
                    for value in (choices[0], other)
                )
                if before != after:
                    ratios.append(_counts(table, after) / _counts(table, before))
            if ratios:
                changes.append(_change(component, f"{choices[0]}", f"{other}", np.array(ratios)))
    return changes


def _change(component: str, first: str, other: str, ratios: Floats) -> Change:
    words = [_WORDS.get(f"{component} {value}", f"{component} {value}") for value in (first, other)]
    change = words[1] if words[0] in ("without SE", "groups 1") else f"{words[1]} for {words[0]}"
    macs, time = np.median(ratios, axis=0)
    low, high = np.quantile(ratios[:, 1], (0.25, 0.75))
    return Change(component, change, float(macs), float(time), float(low), float(high), len(ratios))


def _counts(table: Table, arch: Arch) -> Floats:
    """Multiply-adds and milliseconds."""
    of = table.fingerprint
    macs = cost(arch, of.resolution, of.classes, of.channels).macs
    return np.array([macs, table.predict(arch).ms], dtype=float)


def explained(table: Table, space: Space, changes: Sequence[Change], drawn: int = DRAWN) -> Sheet:
    """The networks of a space at their multiply-adds and milliseconds; and the changes, at their factors."""
    fingerprint = table.fingerprint
    return Sheet(
        title=f"Where multiply-adds mislead: space {space.name}",
        subtitle=(
            f"{fingerprint.device}, {fingerprint.runtime}, {fingerprint.precision}, threads "
            f"{fingerprint.threads}, {told(fingerprint.resolution)}, batch {fingerprint.batch}.",
            "Multiply-adds are those of conv and fully connected layers. Milliseconds are predicted from the "
            "device's latency table; diamonds were timed whole.",
        ),
        panels=((_cloud_panel(table, space, drawn), LEFT), (_effects_panel(changes), RIGHT)),
    )


def _cloud_panel(table: Table, space: Space, drawn: int) -> Panel:
    rng = np.random.default_rng(1)
    rows = [(_kind(arch), arch, *_counts(table, arch)) for arch in (space.sample(rng) for _ in range(drawn))]
    for whole in table.timings.networks:
        arch = Arch.parse(whole.arch)
        rows.append(("timed whole", arch, _counts(table, arch)[0], whole.ratio * table.timings.reference_ms))
    networks = pd.DataFrame(rows, columns=["kind", "arch", "macs", "ms"])
    networks["macs"] /= MACS.scale
    series = []
    for kind, style in _STYLES.items():
        some = networks[networks["kind"] == kind]
        hover = [
            f"{digits(macs)} M multiply-adds<br>{digits(ms)} ms<br>{escape(str(arch)[:120])}"
            for macs, ms, arch in zip(some["macs"], some["ms"], some["arch"], strict=True)
        ]
        series.append(scatter(kind, style, some["macs"], some["ms"], hover))
    return Panel(
        title="Networks of the space",
        x_axis=cost_axis(MACS.title, networks["macs"].to_numpy()),
        y_axis=Axis(LATENCY.title, 0.0, float(networks["ms"].max()) * 1.06),
        series=tuple(part for part in series if part.x),
        labels=(),
    )


def _kind(arch: Arch) -> str:
    """What most of the blocks behind the first are."""
    rest = arch.blocks[1:] or arch.blocks
    grouped = [getattr(block, "groups", 1) > 1 for block in rest]
    if np.mean([block.expands == "between" for block in rest]) > 0.5:
        return "mostly SandGlass"
    return "mostly grouped" if np.mean(grouped) > 0.5 else "other networks"


def _effects_panel(changes: Sequence[Change]) -> Panel:
    factors = np.array([0.8, 1.25, *(change.macs for change in changes)])
    axis = cost_axis("Factor on multiply-adds", factors, room=0.25)
    low = min([0.8, *(change.low for change in changes)]) * 0.92
    high = max([1.25, *(change.high for change in changes)]) * 1.08
    line = np.geomspace(max(axis.low, low), min(axis.high, high), 60)
    series = [Series("time follows multiply-adds", _DIAGONAL, tuple(line), tuple(line))]
    labels = [Label("time follows multiply-adds", float(line[8]), float(line[8]), _DIAGONAL.color)]
    for change in changes:
        color = _COLORS.get(change.component, _OTHER)
        spread = Series(change.change, Style(color, line=1.5), (change.macs,) * 2, (change.low, change.high))
        hover = (
            f"<b>{change.change}</b><br>multiply-adds x{change.macs:.2f}, time x{change.time:.2f}"
            f"<br>a multiply-add takes x{change.misleading:.2f}<br>{change.networks} networks"
        )
        point = Series(change.change, Style(color, "circle", 9), (change.macs,), (change.time,), (hover,))
        series += [spread, point]
        labels.append(Label(change.change, change.macs, change.time, color))
    return Panel(
        title="What one component changes, all else equal",
        x_axis=axis,
        y_axis=Axis("Factor on time (quartiles)", low, high),
        series=tuple(series),
        labels=tuple(labels),
        notice="" if changes else "The space leaves no component to choose.",
    )
