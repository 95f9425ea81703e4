"""Ablation: what each component of a network earns. Components, equal cost, plans; pure functions of archs."""

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

__all__ = ["AS_IS", "BASE", "Component", "Contrast", "Equalised", "Plan", "Price", "Row", "Variant"]
