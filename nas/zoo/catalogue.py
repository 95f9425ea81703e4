"""The hand-designed networks beside what was printed of them, and why the two differ.

Published figures are those of `results/published/`; each is compared with a count at its own resolution and
1000 classes.
"""

from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import pandas as pd

from nas.common.quantities import COLUMNS, MACS, PARAMS
from nas.networks.cost import TARGET_CLASSES, cost
from nas.networks.references import Model, Reference
from nas.runs.naming import resolve
from nas.zoo import published
from search_spaces import zoo
from search_spaces.arch import Arch

FIGURES = (MACS.column, PARAMS.column)
REFERENCES = tuple(f"torchvision:{name}" for name in ("vgg16", "resnet50", "googlenet", "inception_v3"))
"""The classifiers of libraries that are listed beside the zoo; any other is taken by name."""
TOLERANCE = 0.02
"""A deviation above this share of the published figure has a reason."""
_PRINTED = {MACS.column: 1_000_000, PARAMS.column: 100_000}  # the coarsest digit in use


@dataclass(frozen=True)
class PublishedFigure:
    """A published figure of a network beside the count. `contradicted` figures are in no table of ours."""

    network: str
    model: str
    resolution: int
    figure: str
    published: int
    counted: int
    source: str
    reason: str = ""
    contradicted: bool = False

    @property
    def difference(self) -> float:
        """Of the count from the published figure, as a share of that."""
        return self.counted / self.published - 1

    @property
    def deviates(self) -> bool:
        """Whether it is off by more than the tolerance."""
        return abs(self.difference) > TOLERANCE

    def plain(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {**asdict(self), "difference": self.difference}

    def cells(self) -> dict[str, str]:
        """As it stands in tables, by their headings."""
        cost = COLUMNS[self.figure]
        return {
            "network": self.network,
            "figure": cost.heading,
            "resolution": str(self.resolution),
            "published": f"{self.published / cost.scale:g}",
            "counted": f"{self.counted / cost.scale:.3f}",
            "difference": f"{self.difference:+.1%}",
            "reason": self.reason,
            "source": self.source,
        }


def name_of(model: Model) -> str | None:
    """The zoo's name of an arch, or the text of a library's classifier; None for any other arch."""
    return str(model) if isinstance(model, Reference) else _known().get(model)


def published_figures(name: str) -> list[PublishedFigure]:
    """Every published figure of a network of the zoo, or of `LIBRARY:NAME`, beside the count."""
    return _figures(name, published.imagenet()) + _figures(name, published.elsewhere())


def contradicted(name: str) -> list[PublishedFigure]:
    """The published figures of a network that are not in the table because a count contradicts them."""
    return [made for made in _figures(name, published.contradicted()) if made.deviates]


def _figures(name: str, table: pd.DataFrame) -> list[PublishedFigure]:
    model = resolve(name)
    return [
        _figure(name, model, row, figure)
        for row in rows_of(name, table)
        for figure in FIGURES
        if not pd.isna(row[figure]) and not pd.isna(row["resolution"])
    ]


def listed() -> list[str]:
    """Every variant of the zoo, and the classifiers of libraries that stand beside them."""
    return [*zoo.names(), *REFERENCES]


def deviations() -> list[PublishedFigure]:
    """Of everything that is listed, the figures that are off by more than 2 %, each with its reason."""
    every = (figure for name in listed() for figure in [*published_figures(name), *contradicted(name)])
    return [figure for figure in every if figure.deviates]


def unbuildable() -> dict[str, str]:
    """Variants that somebody published and that cannot be built, by name, each with the reason."""
    return {name: str(error) for name, error in zoo.refused().items() if rows_of(name, published.imagenet())}


@cache
def _known() -> dict[Arch, str]:
    return {zoo.get(name): name for name in reversed(zoo.names())}


def rows_of(name: str, table: pd.DataFrame) -> list[pd.Series]:
    """The rows of a published table that are about a network of the zoo, or `LIBRARY:NAME`, and its variant."""
    if ":" in name:
        family, width, groups = name.partition(":")[2].removeprefix("legacy_"), 1.0, None  # timm's older ones
    else:
        family, given, groups = zoo.split(name)
        width = 1.0 if given is None else given
        if groups is None and zoo.ZOO[family].groups:
            groups = 3
    alike = table["model"].map(published.plain) == published.plain(family)
    wide = table["width"].isna() | ((table["width"] - width).abs() < 1e-9)
    grouped = table["groups"].isna() if groups is None else table["groups"].eq(groups).fillna(False)
    return [row for _, row in table[alike & wide & grouped].iterrows()]


def _figure(name: str, model: Model, row: pd.Series, figure: str) -> PublishedFigure:
    printed, resolution = int(row[figure]), int(row["resolution"])
    count = int(getattr(cost(model, resolution, TARGET_CLASSES), figure))
    made = PublishedFigure(name, str(row["model"]), resolution, figure, printed, count, str(row["source"]))
    if "reason" in row:
        return replace(made, reason=str(row["reason"]), contradicted=True)
    return replace(made, reason=_digits(made) or _told(row, figure)) if made.deviates else made


def _digits(made: PublishedFigure) -> str:
    """The reason where, rounded or cut off to the printed digits, the count is the same; else nothing."""
    unit = _PRINTED[made.figure]
    while made.published % unit:
        unit //= 10
    if made.counted // unit * unit == made.published:
        return f"printed to {unit / 1e6:g} million, cut off"
    if (made.counted + unit // 2) // unit * unit == made.published:
        return f"printed to {unit / 1e6:g} million"
    return ""


def _told(row: pd.Series, figure: str) -> str:
    """The reason that `reasons.csv` gives for a row of the published table."""
    reasons = published.reasons()
    meant = reasons["figure"] == figure
    for column in ("model", "width", "resolution", "groups"):
        meant &= reasons[column].isna() | reasons[column].eq(row[column]).fillna(False)
    return next(iter(reasons.loc[meant, "reason"]), "")
