"""What a user asks of an ablation. Needs nothing heavy: `--help` reads it."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from typer import Argument, Option

from nas.console import options
from nas.console.options import COMMAS, Texts
from nas.engine.terms import Execution, Terms


@dataclass(frozen=True)
class AblationRequest(Terms, Execution):
    """An ablation as asked for; None is the default. What `Terms` and these say defines it, but for its seeds."""

    network: Annotated[
        str | None, Argument(help="A zoo name, an arch's text or RUN@TRIAL.", metavar="NETWORK")
    ] = None
    _: KW_ONLY
    components: Annotated[
        Texts | None,
        COMMAS,
        Option(
            help="What is switched, comma-separated; module:function for one of your own, which is imported "
            "and run. "
            "[se,activation,kernel,expansion,groups,block]"
        ),
    ] = None
    equal: Annotated[
        Texts | None,
        COMMAS,
        Option(
            help="Train each variant at the base's macs, params, activations, weights, memory or latency too; or "
            "none. [macs]"
        ),
    ] = None
    per_stage: Annotated[bool, Option("--per-stage", help="Switch each component in single stages too.")] = (
        False
    )
    pairs: Annotated[
        str | Sequence[str | tuple[str, str]] | None,
        Option(help="Two components whose interaction is read, as se,activation; repeatable."),
    ] = None
    leave_one_in: Annotated[
        bool, Option("--leave-one-in", help="Add each component to the plain network, like MobileNetV2, too.")
    ] = False
    config: Annotated[
        options.AnyPath | None, Option(help="A study as a YAML file, instead of all these.")
    ] = None
    seeds: options.Seeds = None
    latency_table: Annotated[
        str | None,
        Option(help="Predict latencies by this file or import. [this machine's, with --equal latency]"),
    ] = None
