"""From a base and some components to everything that is to be trained and read, in order.

The order is that of training, so that a bound in time leaves whole rows: the base, then each variant as is and
at equal cost, component by component; then the second factor of each pair, then what is added to the plain form.
A network that stands in several rows is one text, and is trained once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from blocks import UserError
from nas.ablate.components import COMPONENTS, variants
from nas.ablate.equal import RESIZED, TOLERANCE, equalise
from nas.ablate.study import AS_IS, BASE, Component, Contrast, Equalised, Plan, Price, Row, Variant
from search_spaces.arch import Arch

PLAIN = "plain"
ADDED = "added to plain"


def plain_form(arch: Arch, kept: Sequence[str] = ()) -> Arch:
    """The arch in the manner of MobileNetV2: without the components that have a plain form, save those `kept`.

    No squeeze-excite, ReLU, 3x3, ungrouped, inverted residuals, the original last stage.
    """
    for component in COMPONENTS.values():
        if component.plain and component.name not in kept:
            arch = component.plain(arch)
    return arch


class Draft:
    """Rows and contrasts as they come: each variant as is, then at the base's price by each of `equal`.

    `equal` has a price by its name (`{"macs": price}`); `price` is what the ratios of "as is" rows are of.
    """

    def __init__(self, equal: Mapping[str, Price], price: Price) -> None:
        self._prices = {AS_IS: None} | {f"equal {name}": price for name, price in equal.items()}
        self._price = price
        self._rows: list[Row] = []
        self._contrasts: list[Contrast] = []
        self._archs: dict[tuple[str, str], str] = {}  # the text of a row by its name and comparison

    def plan(self) -> Plan:
        """What was drawn up."""
        return Plan(self._rows[0].arch, tuple(self._rows), tuple(self._contrasts))

    def ablate(
        self,
        base: Arch,
        components: Sequence[Component],
        *,
        per_stage: bool = False,
        pairs: Sequence[tuple[Component, Component]] = (),
        leave_one_in: bool = False,
    ) -> None:
        """The study of these components of a base.

        `per_stage` switches each component in single stages too. A pair is read as a 2x2 of the first variant of each
        that changes something. `leave_one_in` starts from the plain form of the base (`plain_form`) and adds one
        component at a time. Raises UserError where a pair has nothing to cross, or the plain form cannot be built.
        """
        self.start(base, BASE)
        for component in components:
            for variant in variants(component, base, per_stage=per_stage):
                self.compare(base, variant)
        for one, other in pairs:
            self.cross(base, one, other)
        if leave_one_in:
            self._leave_one_in(base, components)

    def start(self, arch: Arch, name: str) -> None:
        """A row that others are compared with."""
        self._rows.append(Row(name, BASE, name, 0, BASE, str(arch), str(arch), 1.0, "train"))

    def compare(self, base: Arch, variant: Variant, family: str = "", *, as_is: bool = True) -> None:
        """The rows of a variant, as is (if at all) and at each equal cost, and what is read from them."""
        for comparison, price in self._prices.items():
            if (variant.name, comparison) in self._archs or not (as_is or price):
                continue
            made = self._made(base, variant, price)
            row = Row(
                name=variant.name,
                component=variant.component,
                label=variant.label,
                stage=variant.stage,
                comparison=comparison,
                arch=str(made.arch or ""),
                against=str(base),
                ratio=made.ratio,
                status="impossible" if made.arch is None else "identical" if made.arch == base else "train",
                reason=made.reason,
            )
            self._rows.append(row)
            if row.arch:
                self._archs[row.name, comparison] = row.arch
            if row.status == "train":
                label = f"{comparison}, {family}" if family else comparison
                self._contrasts.append(Contrast(row.name, label, ((1.0, row.arch), (-1.0, row.against))))

    def cross(self, base: Arch, one: Component, other: Component) -> None:
        """The 2x2 of two components: what is missing of its rows, and the interaction in each comparison."""
        first, second = _switched(one, base), _switched(other, base)
        both = _both(first, second, other)
        if both.arch in (base, first.arch, second.arch):
            raise UserError(
                f"pair: {first.name} and {second.name} together are one of them alone, so that there is no "
                "interaction; take other components"
            )
        self.compare(base, first)
        self.compare(base, second)
        known = len(self._contrasts)
        self.compare(base, both)
        del self._contrasts[known:]  # of both together, only the interaction is asked for
        for comparison in self._prices:
            cells = [self._archs.get((v.name, comparison)) for v in (both, first, second)]
            if all(cells):
                terms = tuple(zip((1.0, -1.0, -1.0, 1.0), [*map(str, cells), str(base)], strict=True))
                self._contrasts.append(Contrast(both.name, f"{comparison}, interaction", terms))
            else:  # nothing would be read from it
                unread = (both.name, comparison, "train")
                self._rows = [r for r in self._rows if (r.name, r.comparison, r.status) != unread]

    def _leave_one_in(self, base: Arch, components: Sequence[Component]) -> None:
        plain = plain_form(base)
        self.start(plain, PLAIN)
        for component in components:
            own = plain_form(base, [component.name])
            if own != plain:
                self.compare(plain, Variant(component.name, "as in the base, alone", own), ADDED)
                continue
            for variant in variants(component, plain):
                if variant.arch != plain:
                    self.compare(plain, replace(variant, label=f"{variant.label}, alone"), ADDED)
        together = plain_form(base, [component.name for component in components])
        if together != plain:
            self.compare(plain, Variant("all", "as in the base, together", together), ADDED)

    def _made(self, base: Arch, variant: Variant, price: Price | None) -> Equalised:
        """A variant as it is compared: as is without a price."""
        if variant.arch is None:
            return Equalised(None, math.nan, variant.reason)
        if price is None:
            try:
                return Equalised(variant.arch, self._price(variant.arch) / self._price(base))
            except UserError:
                return Equalised(variant.arch, math.nan)
        if variant.resizes:
            return Equalised(None, math.nan, RESIZED)
        equal = equalise(base, variant.arch, price)
        if equal.arch == variant.arch != base:
            return replace(equal, reason=f"as is, it costs the same to within {TOLERANCE:.1%}")
        return equal


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
