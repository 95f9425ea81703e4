"""The register of components, what each makes of an arch, and how a user's own is found.

A component is a function from an arch to archs by label: a new one is a function and a line in `COMPONENTS`. A
user's own needs no line: `module:function`, which is imported and run, names it, and the function gives an arch, or
archs by label.
"""

import importlib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial

from nas.ablate import shapes, switches
from nas.ablate.stages import spliced, stages, swapped
from nas.ablate.study import Component, Made, Variant, attempt
from nas.ablate.switches import OFF, ON, option
from nas.common.errors import UserError, briefly, shown
from search_spaces.arch import Arch


class BadComponent(UserError):
    """A user's own component that is no function from an arch to archs."""


# The known wrong copies of docs/traps.md, and other options that blocks have by themselves.
TRAPS = (
    option("h_swish", {"sigmoid": {"HS": "SI"}, "unbounded": {"HS": "HSopen"}}, "activation", ends=True),
    option("gate", {"sigmoid": {"hsig": "sig"}, "unbounded": {"hsig": "hsigopen"}}),  # of squeeze-excite
    option("relu6", {"RE -> RE6": {"RE": "RE6"}, "RE6 -> RE": {"RE6": "RE"}}, "activation", ends=True),
    option("relu_after_depthwise", {"on": ON}),  # in ShuffleNetV1
    option("shuffle", {"off": OFF}),
    option("dense_first", {"off": OFF}),  # ShuffleNetV1's first pointwise, grouped
    option("layout", {"figure": ON, "code": OFF}, "figure"),  # ShuffleNetV2's, of the paper's figure
    option("first_depthwise", {"on": ON}),  # in every SandGlass
    option("identity", {"half": {1: 2}}),  # a SandGlass's shortcut for half of the channels
    option("conv_shortcut", {"on": ON}),  # in the BlazeBlock
    Component("stride_first", switches.stride_first),
    Component("squeeze", switches.squeeze),
    Component("eps", switches.eps, by_stage=False),
)
_TO_RELU = dict.fromkeys(("HS", "SI", "HSopen"), "RE")
_TO_DENSE = dict.fromkeys(range(2, 65), 1)
COMPONENTS: dict[str, Component] = {
    component.name: component
    for component in (
        Component("se", switches.squeeze_excite, partial(swapped, option="squeeze_excite", values=OFF)),
        Component(
            "activation",
            switches.activation,
            partial(swapped, option="activation", values=_TO_RELU, ends=True),
        ),
        # of an Inception module the wide branch's; not the stem's
        option("kernel", {"5 -> 3": {5: 3}, "3 -> 5": {3: 5}}, plain={5: 3, 7: 3}),
        Component("expansion", shapes.expansion),
        Component("groups", switches.groups, partial(swapped, option="groups", values=_TO_DENSE)),
        Component("block", switches.kind, switches.to_inverted_residual),
        option("residual", {"off": OFF}, "shortcut"),
        option("bottleneck", {"linear -> activated": ON}, "activated_bottleneck"),
        Component("last_stage", shapes.last_stage, shapes.original_last_stage, by_stage=False),
        Component("stem", shapes.stem, by_stage=False),
        Component("depth", shapes.depth, by_stage=False),
        Component("width", shapes.width, by_stage=False, resizes=True),
        *TRAPS,
    )
}


def get(name: str) -> Component:
    """The component of a name, or of `module:function`, a user's own.

    The function is given the base's arch and gives an arch, or a mapping from labels to archs; where it
    raises UserError, the row says why. It is called by its whole name, so that two never share one. Raises UserError
    where there is no such component or function.
    """
    if ":" in name:
        return _own(name)
    if name not in COMPONENTS:
        near = get_close_matches(name, COMPONENTS, n=3, cutoff=0.5) or list(COMPONENTS)
        raise UserError(
            f"no component is called {shown(name)}; expected {', '.join(near)}, or module:function for one of your own"
        )
    return COMPONENTS[name]


def variants(component: Component, arch: Arch, *, per_stage: bool = False) -> list[Variant]:
    """What a component makes of an arch; with `per_stage`, then the same in one stage after the other.

    In a stage that it does not change, or where it is no change of blocks, there is no variant. Where it cannot
    be built there is one without an arch, with the reason.
    """
    every: list[Variant] = []
    for label, made in _made(component, arch).items():
        alone: list[tuple[int, Arch | UserError]] = [(0, made)]
        if per_stage and component.by_stage and isinstance(made, Arch) and made != arch:
            parts = ((stage.number, attempt(spliced, arch, made, stage)) for stage in stages(arch))
            alone += [(number, part) for number, part in parts if part != arch]
        for number, one in alone:
            built, reason = (one, "") if isinstance(one, Arch) else (None, str(one))
            every.append(Variant(component.name, label, built, reason, number, component.resizes))
    return every


def _made(component: Component, arch: Arch) -> Made:
    try:
        return component.make(arch)
    except BadComponent:
        raise
    except UserError as error:
        return {"": error}


def _own(name: str) -> Component:
    module, _, function = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), function)
    except Exception as error:  # importing runs a user's code
        raise BadComponent(
            f"component {shown(name)} cannot be imported: {_kind_and_words(error)}; expected module:function"
        ) from None
    if not callable(made):
        raise BadComponent(f"component {shown(name)} is no function from an arch to archs")
    return Component(name, partial(_called, made, name))


def _called(function: Callable[[Arch], object], name: str, arch: Arch) -> Made:
    try:
        made = function(arch)
    except UserError:  # it cannot be made of this arch
        raise
    except Exception as error:
        raise BadComponent(f"component {shown(name)} failed: {_kind_and_words(error)}") from error
    found: Made = made if isinstance(made, Mapping) else {"on": made}  # type: ignore[dict-item]
    if not found or not all(
        isinstance(label, str) and label.strip() and isinstance(value, (Arch, UserError))
        for label, value in found.items()
    ):
        raise BadComponent(
            f"component {shown(name)} gave {briefly(repr(made), 60)}, expected an arch, or archs by label"
        )
    return found


def _kind_and_words(error: Exception) -> str:
    return briefly(f"{type(error).__name__}: {error}")
