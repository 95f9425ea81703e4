"""Ablation: what each component of a network earns. Components, equal cost and plans are functions of archs.

    study = plan(base, [get("se"), get("kernel")], equal={"macs": price})     (nas.ablation.plan)

lists what is to be trained, in order, and the contrasts to be read from it by `nas.stats.contrast_effects`.
"""

from nas.ablation.components import COMPONENTS, get, variants
from nas.ablation.equal import equalise
from nas.ablation.stages import Stage, stages
from nas.ablation.study import (
    AS_IS,
    BASE,
    Component,
    Contrast,
    Equalised,
    Plan,
    Price,
    Row,
    Variant,
)

__all__ = [
    "AS_IS",
    "BASE",
    "COMPONENTS",
    "Component",
    "Contrast",
    "Equalised",
    "Plan",
    "Price",
    "Row",
    "Stage",
    "Variant",
    "equalise",
    "get",
    "stages",
    "variants",
]
