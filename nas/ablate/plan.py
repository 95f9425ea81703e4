"""From a base and some components to everything that is to be trained and read, in order.

The order is that of training, so that a bound in time leaves whole rows: the base, then each variant as is and
at equal cost, component by component; then the second factor of each pair, then what is added to the plain form.
A network that stands in several rows is one text, and is trained once.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from blocks import UserError
from nas.ablate.components import COMPONENTS, variants
from nas.ablate.equal import RESIZED, TOLERANCE, equalise
from nas.ablate.study import AS_IS, BASE, Component, Contrast, Plan, Price, Row, Variant
from search_spaces.arch import Arch

PLAIN = "plain"
ADDED = "added to plain"


def plan(
    base: Arch,
    components: Sequence[Component],
    *,
    equal: Mapping[str, Price] | None = None,
    price: Price | None = None,
    per_stage: bool = False,
    pairs: Sequence[tuple[Component, Component]] = (),
    leave_one_in: bool = False,
    tolerance: float = TOLERANCE,
) -> Plan:
    """The study of these components of a base.

    `equal` has a price by its name (`{"macs": price}`): for each, every variant is trained at the base's price as
    well. `price` is what the ratios of "as is" rows are of, if not given the first of `equal`. `per_stage` switches
    each component in single stages too. A pair is read as a 2x2 of the first variant of each that changes something.
    `leave_one_in` starts from the plain form of the base (`plain_form`) and adds one component at a time. Raises
    UserError where a pair has nothing to cross, or the plain form cannot be built.
    """
    prices = dict(equal or {})
    draft = _Draft(base, prices, price or next(iter(prices.values()), None), tolerance)
    draft.start(base, BASE)
    for component in components:
        for variant in variants(component, base, per_stage=per_stage):
            draft.compare(base, variant, component)
    for one, other in pairs:
        draft.cross(base, one, other)
    if leave_one_in:
        _leave_one_in(draft, base, components)
    return Plan(str(base), tuple(draft.rows), tuple(draft.contrasts))


def plain_form(arch: Arch, kept: Sequence[str] = ()) -> Arch:
    """The arch in the manner of MobileNetV2: without the components that have a plain form, save those `kept`.

    No squeeze-excite, ReLU, 3x3, ungrouped, inverted residuals, the original last stage.
    """
    for component in COMPONENTS.values():
        if component.plain and component.name not in kept:
            arch = component.plain(arch)
    return arch


@dataclass
class _Draft:
    """Rows and contrasts as they come, and the variants at equal cost found so far."""

    base: Arch
    equal: dict[str, Price]
    price: Price | None
    tolerance: float
    rows: list[Row] = field(default_factory=list)
    contrasts: list[Contrast] = field(default_factory=list)
    archs: dict[tuple[str, str], str] = field(default_factory=dict)
    """The text of a row by its name and comparison, where there is one."""

    def start(self, arch: Arch, name: str) -> None:
        """A row that others are compared with."""
        self.rows.append(Row(name, BASE, name, 0, BASE, str(arch), str(arch), 1.0, "train"))

    def compare(self, base: Arch, variant: Variant, component: Component, family: str = "") -> None:
        """The rows of a variant, as is and at each equal cost, and what is read from them."""
        for row in self._rows(base, variant, component):
            if (row.name, row.comparison) in self.archs:
                continue
            self.rows.append(row)
            if row.arch:
                self.archs[row.name, row.comparison] = row.arch
            if row.status == "train":
                label = f"{row.comparison}, {family}" if family else row.comparison
                terms = ((1.0, row.arch), (-1.0, row.against))
                self.contrasts.append(Contrast(row.name, label, terms))

    def cross(self, base: Arch, one: Component, other: Component) -> None:
        """The 2x2 of two components: what is missing of its rows, and the interaction in each comparison."""
        first, second = _switched(one, base), _switched(other, base)
        both = _both(first, second, other)
        if both.arch in (base, first.arch, second.arch):
            raise UserError(
                f"pair: {first.name} and {second.name} together are one of them alone, so that there is no "
                "interaction; take other components"
            )
        for variant, component in ((first, one), (second, other)):
            self.compare(base, variant, component)
        known = len(self.contrasts)
        self.compare(base, both, Component(both.component, both.label, lambda arch: {}))
        del self.contrasts[known:]  # of both together, only the interaction is asked for
        for comparison in (AS_IS, *(f"equal {name}" for name in self.equal)):
            cells = [self.archs.get((v.name, comparison)) for v in (both, first, second)]
            if all(cells):
                terms = tuple(zip((1.0, -1.0, -1.0, 1.0), [*map(str, cells), str(base)], strict=True))
                self.contrasts.append(Contrast(both.name, f"{comparison}, interaction", terms))
            else:  # nothing would be read from it
                self.rows = [
                    row
                    for row in self.rows
                    if (row.name, row.comparison, row.status) != (both.name, comparison, "train")
                ]

    def _rows(self, base: Arch, variant: Variant, component: Component) -> Iterator[Row]:
        yield self._row(variant, AS_IS, base, variant.arch, self._ratio(variant.arch, base), variant.reason)
        for name, price in self.equal.items():
            comparison = f"equal {name}"
            if variant.arch is None:
                yield self._row(variant, comparison, base, None, math.nan, variant.reason)
            elif component.resizes:
                yield self._row(variant, comparison, base, None, math.nan, RESIZED)
            else:
                found = equalise(base, variant.arch, price, self.tolerance)
                same = found.arch == variant.arch != base
                reason = f"as is, it costs the same to within {self.tolerance:.1%}" if same else found.reason
                yield self._row(variant, comparison, base, found.arch, found.ratio, reason)

    def _ratio(self, arch: Arch | None, base: Arch) -> float:
        if self.price is None or arch is None:
            return math.nan
        try:
            return self.price(arch) / self.price(base)
        except UserError:
            return math.nan

    def _row(
        self, variant: Variant, comparison: str, base: Arch, arch: Arch | None, ratio: float, reason: str
    ) -> Row:
        return Row(
            name=variant.name,
            component=variant.component,
            label=variant.label,
            stage=variant.stage,
            comparison=comparison,
            arch=str(arch) if arch else "",
            against=str(base),
            ratio=ratio,
            status="impossible" if arch is None else "identical" if arch == base else "train",
            reason=reason,
        )


def _switched(component: Component, arch: Arch) -> Variant:
    """The first variant of a component that changes the arch."""
    for variant in variants(component, arch):
        if variant.arch is not None and variant.arch != arch:
            return variant
    raise UserError(f"pair: {component.name} changes nothing of {arch}; take another component")


def _both(first: Variant, second: Variant, other: Component) -> Variant:
    """The second component's variant of the first one's arch."""
    name, label = f"{first.component} x {second.component}", f"{first.label} x {second.label}"
    assert first.arch is not None
    for variant in variants(other, first.arch):
        if variant.label == second.label:
            return Variant(name, label, variant.arch, variant.reason)
    return Variant(name, label, None, f"{second.name} does not exist after {first.name}")


def _leave_one_in(draft: _Draft, base: Arch, components: Sequence[Component]) -> None:
    plain = plain_form(base)
    draft.start(plain, PLAIN)
    for component in components:
        own = plain_form(base, [component.name])
        if own != plain:
            found = [Variant(component.name, "as in the base, alone", own)]
        else:
            found = [
                Variant(v.component, f"{v.label}, alone", v.arch, v.reason)
                for v in variants(component, plain)
                if v.arch != plain
            ]
        for variant in found:
            draft.compare(plain, variant, component, ADDED)
    together = plain_form(base, [component.name for component in components])
    if together != plain:
        every = Component("all", "every component that was asked for", lambda arch: {})
        draft.compare(plain, Variant("all", "as in the base, together", together), every, ADDED)
