"""Which hand-designed networks a search is compared with: by name, or those that matter under its budget.

Those matter that stand on or near the hand-designed front, told by published ImageNet accuracies against the run's own
cost, up to the budget; and the largest within it of each family, so that none can be said to have been left out.
"""

import math
from dataclasses import dataclass

from nas.search.budget import worst_violation
from nas.search.price import Pricer
from nas.search.settings import Settings, space_of
from nas.zoo import published
from nas.zoo.catalogue import rows_of
from search_spaces import zoo

WORDS = {"small": zoo.SMALL, "all": zoo.WIDE, "none": ()}
AUTO = "auto"
FAMILIES = ("mobilenet_v2", "mobilenet_v3_large", "shufflenet_v1", "shufflenet_v2", "mobilenext")
"""Of each the largest within the budget comes first."""
OTHERS = ("mobilenet_v1", "mobilenet_v3_small", "mnasnet_a1")
NEAR = 1.5
"""Points of published top-1 accuracy below the hand-designed front up to which a network counts as near it."""
MOST = 12
BELOW = 0.75
RESOLUTION = 224  # of the published accuracies


@dataclass(frozen=True)
class _Known:
    """A network of the zoo with its cost in the run's objective and its published top-1 accuracy in per cent."""

    name: str
    family: str
    cost: float
    top1: float


def named(text: str) -> tuple[str, ...]:
    """The names that an option says; `auto` stays what it is. Raises UserError for what is not in the zoo."""
    if text == AUTO:
        return (AUTO,)
    if text in WORDS:
        return WORDS[text]
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        zoo.get(name)  # refuses, with the nearest names, what is none
    return names


def that_matter(settings: Settings, price: Pricer, most: int = MOST) -> tuple[str, ...]:
    """The names of `auto`, the most informative first, at most so many.

    From about the cost of the space's first choices on, its smallest as a rule: below there is nothing to find.
    """
    space = space_of(settings)
    smallest = float(getattr(price(space.arch(space.draw(lambda d: d.choices[0]))), settings.objective))
    every = _known(settings, price)
    known = [one for one in every if one.cost >= BELOW * smallest] or every
    chosen: list[_Known] = []
    for family in FAMILIES:
        mine = [one for one in known if one.family == family]
        chosen += [max(mine, key=lambda one: one.cost)] if mine else []
    chosen.sort(key=lambda one: -one.top1)
    near = [one for one in known if one not in chosen and _is_near(one, known)]
    while near and len(chosen) < most:  # where the front is emptiest, on the scale of the pictures
        farthest = max(near, key=lambda one: _gap(one, chosen))
        near.remove(farthest)
        chosen.append(farthest)
    return tuple(one.name for one in chosen[:most])


def _known(settings: Settings, price: Pricer) -> list[_Known]:
    """The networks of the families that keep to the budgets and have a published accuracy."""
    table, found = published.imagenet(), []
    table = table[table["resolution"] == RESOLUTION]
    for name in zoo.names():
        family, _, groups = zoo.split(name)
        if family not in FAMILIES + OTHERS or groups not in (None, 3):
            continue
        figures = [float(row["top1_percent"]) for row in rows_of(name, table)]
        figures = [figure for figure in figures if not math.isnan(figure)]
        cost = price(zoo.get(name))
        if figures and worst_violation(settings.limits, cost) <= 0:
            found.append(_Known(name, family, float(getattr(cost, settings.objective)), max(figures)))
    return found


def _is_near(one: _Known, known: list[_Known]) -> bool:
    best = max(other.top1 for other in known if other.cost <= one.cost)
    return one.top1 >= best - NEAR


def _gap(one: _Known, chosen: list[_Known]) -> float:
    """How far it is in cost from the nearest that was chosen; in logarithms."""
    return min((abs(math.log(one.cost / other.cost)) for other in chosen), default=math.inf)
