"""What a plan's contrasts come to, from the accuracies of its trainings."""

import math
from collections.abc import Mapping
from itertools import groupby

from nas.ablation.study import Contrast, Plan
from nas.stats import Effect, contrast_effects

Accuracies = Mapping[str, Mapping[int, float]]
"""Accuracy in [0, 1] by an arch's text and the seed."""


def effects(plan: Plan, accuracies: Accuracies) -> list[tuple[Contrast, Effect]]:
    """Every contrast of the plan with its effect, families together, in the plan's order otherwise.

    The noise is pooled over every network that was trained; Holm's correction is within a family. Contrasts
    that name a network without trainings are there, and not tested.
    """
    seeds = sorted({seed for found in accuracies.values() for seed in found})
    table = {
        text: [accuracies.get(text, {}).get(seed, math.nan) for seed in seeds]
        for text in dict.fromkeys([*plan.archs(), *accuracies])
    }
    families = list(dict.fromkeys(contrast.family for contrast in plan.contrasts))
    ordered = sorted(plan.contrasts, key=lambda contrast: families.index(contrast.family))
    found: list[tuple[Contrast, Effect]] = []
    for _, family in groupby(ordered, lambda contrast: contrast.family):
        members = {contrast.name: contrast for contrast in family}
        effect = contrast_effects(table, {name: contrast.terms for name, contrast in members.items()})
        found += [(contrast, effect[name]) for name, contrast in members.items()]
    return found
