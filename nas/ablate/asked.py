"""What a user asks an ablation for, on the command line or in a file, and the plan that comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.ablate.components import get, variants
from nas.ablate.plan import Draft
from nas.ablate.study import Plan, Price, Variant
from nas.common.errors import UserError, shown
from nas.common.quantities import LATENCY, QUANTITIES
from nas.common.sizes import Size
from nas.console.options import separated
from nas.engine.regime import target
from nas.engine.terms import Terms
from nas.networks.cost import cost
from nas.runs.naming import resolve
from nas.zoo.catalogue import name_of
from search_spaces.arch import Arch

if TYPE_CHECKING:
    from nas.latency.table.table import Table

DEFAULT_COMPONENTS = ("se", "activation", "kernel", "expansion", "groups", "block")


@dataclass(frozen=True)
class StoryStep:
    """A network of a story: given by itself, or made from an earlier step by switches (component and label)."""

    name: str
    network: str = ""
    origin: str = ""
    switches: tuple[tuple[str, str], ...] = ()
    as_is: bool = True


@dataclass(frozen=True)
class Asked:
    """What is to be ablated: components of a network, or the steps of a story, or both.

    `components` of None are the usual ones, an empty tuple is none.
    """

    network: str = ""
    components: tuple[str, ...] | None = None
    equal: tuple[str, ...] = ("macs",)
    per_stage: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    leave_one_in: bool = False
    steps: tuple[StoryStep, ...] = ()
    title: str = ""


def plan_of(asked: Asked, terms: Terms, table: "Table | None" = None) -> tuple[Plan, str]:
    """The plan, and what to call the study; `table` predicts latencies.

    Raises UserError for what is not there or cannot be built.
    """
    if not asked.network and not asked.steps:
        raise UserError(
            "no network is given; give one, such as mobilenet_v3_small, or --config FILE or --resume RUN"
        )
    aim = target(terms)
    price = prices(asked.equal, *aim, table)
    ratio = next(iter(price.values()), prices(["macs"], *aim)["macs"])
    draft = Draft(price, ratio)
    if asked.network:
        components = DEFAULT_COMPONENTS if asked.components is None else asked.components
        if not components and not asked.pairs:
            raise UserError("no component is given and no pair: there is nothing to ablate")
        draft.ablate(
            _arch(asked.network),
            [get(name) for name in components],
            per_stage=asked.per_stage,
            pairs=[(get(one), get(other)) for one, other in asked.pairs],
            leave_one_in=asked.leave_one_in,
        )
    _tell(asked.steps, draft, only_as_is=not price)
    made = draft.plan()
    return made, asked.title or name_of(_arch(made.rows[0].arch)) or asked.network


def prices(
    names: Sequence[str], resolution: Size, classes: int, channels: int = 3, table: "Table | None" = None
) -> dict[str, Price]:
    """The prices of these names, at a target of the regime: counted, or milliseconds as a table predicts them.

    Raises UserError for what is no price.
    """

    def price(name: str) -> Price:
        if name not in QUANTITIES:
            raise UserError(f"--equal {name}: expected {', '.join(QUANTITIES)} or none")
        if name != LATENCY.name:
            return lambda arch: float(getattr(cost(arch, resolution, classes, channels), name))
        if table is None:
            raise UserError("--equal latency: there is no latency table to predict it")
        return lambda arch: table.predict(arch).ms

    return {name: price(name) for name in names}


def _tell(steps: Sequence[StoryStep], draft: Draft, *, only_as_is: bool) -> None:
    """The rows of a story and a contrast for each, in the order of its steps."""
    archs: dict[str, Arch] = {}
    for step in steps:
        if step.network:
            archs[step.name] = arch = _arch(step.network)
            draft.start(arch, step.name)
            continue
        archs[step.name] = arch = _switched(archs[step.origin], step)
        if only_as_is and not step.as_is:
            raise UserError(
                f"step {shown(step.name)}: neither as is nor at equal cost, so that nothing is compared"
            )
        variant = Variant(
            component=", ".join(component for component, _ in step.switches),
            label=", ".join(label for _, label in step.switches),
            arch=arch,
            resizes=any(get(component).resizes for component, _ in step.switches),
            title=f"{step.origin} -> {step.name}",
        )
        draft.compare(archs[step.origin], variant, as_is=step.as_is)


def _switched(arch: Arch, step: StoryStep) -> Arch:
    """The arch after a step's switches. Raises UserError for a switch that does not exist or cannot be made."""
    for component, label in step.switches:
        known = {variant.label: variant for variant in variants(get(component), arch)}
        if label not in known:
            expected = " or ".join(f"{component} {other}" for other in known)
            raise UserError(
                f"step {shown(step.name)}: {component} has no variant {shown(label)}; expected {expected}"
            )
        made = known[label].arch
        if made is None:
            raise UserError(
                f"step {shown(step.name)}: {component} {label} cannot be made: {known[label].reason}"
            )
        arch = made
    return arch


def _arch(text: str) -> Arch:
    model = resolve(text)
    if not isinstance(model, Arch):
        raise UserError(
            f"{model}: a library's classifier has no components to switch; give an arch or a zoo name"
        )
    return model


def pair(given: str | tuple[str, str]) -> tuple[str, str]:
    """Two components, or a text of two with a comma between. Raises UserError for more or fewer."""
    both = separated(given) if isinstance(given, str) else tuple(given)
    if len(both) != 2 or both[0] == both[1]:
        raise UserError(f"--pairs {','.join(both)}: expected two components, as in se,activation")
    return both[0], both[1]
