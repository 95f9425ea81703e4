"""The values of an ablation: what a component is, what it makes of an arch, and what is to be trained.

A component is a function from an arch to its variants. A `Plan` holds the rows of a study in the order in
which they are trained (the base first, then variant by variant: as is, then at equal cost) and the contrasts
that are read from them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from blocks import UserError
from search_spaces.arch import Arch

Price = Callable[[Arch], float]
"""What an arch costs, in any unit: multiply-adds, parameters, predicted milliseconds."""

Made = Mapping[str, Arch | UserError]
"""What a component makes of an arch, by label; the error where a label's arch cannot be built."""

Status = Literal["train", "identical", "impossible"]
BASE = "base"
AS_IS = "as is"
UNTRAINED = {"identical": "identical to the base", "impossible": "cannot be made"}
"""What is said instead of a verdict, by status."""
SEEN = "interaction seen"
"""The verdict of an interaction: together the two do more, or where it is negative less, than one after the other."""


@dataclass(frozen=True)
class Variant:
    """An arch with one component switched: component "kernel", label "5 -> 3".

    `arch` is None where it cannot be built, and `reason` says why. `stage` counts from 1 where the component
    is switched in one stage only; 0 means everywhere. `resizes` is the component's. `title` is a name of its own.
    """

    component: str
    label: str
    arch: Arch | None
    reason: str = ""
    stage: int = 0
    resizes: bool = False
    title: str = ""

    @property
    def name(self) -> str:
        """In a table: `kernel 5 -> 3`, `se off in stage 3`."""
        where = f" in stage {self.stage}" if self.stage else ""
        return self.title or f"{self.component} {self.label}{where}"


@dataclass(frozen=True)
class Component:
    """What an ablation switches: `make` gives its archs by label.

    `plain` takes the component out of an arch, to the form of MobileNetV2, where there is such a form.
    `by_stage` says whether it can be switched in single stages, `resizes` that it is itself a change of size,
    which equal cost would undo.
    """

    name: str
    make: Callable[[Arch], Made]
    plain: Callable[[Arch], Arch] | None = None
    by_stage: bool = True
    resizes: bool = False


@dataclass(frozen=True)
class Equalised:
    """A variant at the base's cost: its arch and the ratio of the two costs, or the reason why there is none."""

    arch: Arch | None
    ratio: float
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """A network of a study. `name` is unique in its comparison; `against` is the text of what it is compared with.

    `comparison` is "base", "as is", or "equal macs" and so on. `arch` is its text, empty where `status` is
    "impossible"; `reason` then says why. "identical" rows equal `against` and are not tested. `ratio` is the
    cost over that of `against`, by the price of the comparison (as is: by the first price), NaN without one.
    """

    name: str
    component: str
    label: str
    stage: int
    comparison: str
    arch: str
    against: str
    ratio: float
    status: Status
    reason: str = ""


@dataclass(frozen=True)
class Contrast:
    """A number read from rows: the sum, for each seed, of coefficient times accuracy.

    A component's effect is variant - base; an interaction is both - one - other + neither. `terms` are pairs of
    a coefficient and an arch's text. Contrasts of one `family` are corrected together (Holm).
    """

    name: str
    family: str
    terms: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Plan:
    """A study: the rows in the order of training, and the contrasts. The first row is the base."""

    base: str
    rows: tuple[Row, ...]
    contrasts: tuple[Contrast, ...]

    def archs(self) -> Sequence[str]:
        """The distinct texts to be trained, in order: a network that stands in several rows is trained once."""
        return list(dict.fromkeys(row.arch for row in self.rows if row.status == "train"))


def attempt(make: Callable[..., Arch], *args: object) -> Arch | UserError:
    """What `make` gives, or the UserError that it raises."""
    try:
        return make(*args)
    except UserError as error:
        return error
