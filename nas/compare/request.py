"""What a user asks of a comparison. Needs nothing heavy: `--help` reads it."""

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from typer import Argument, Option

from nas.console import options
from nas.engine.terms import Execution, Terms


@dataclass(frozen=True)
class ComparisonRequest(Terms, Execution):
    """A comparison as asked for; None is the default. What `Terms` and these say defines it, but for its seeds."""

    networks: Annotated[
        options.Texts,
        Argument(
            help="Zoo names, archs' texts, RUN@TRIAL, torchvision:NAME or timm:NAME; the first is what the "
            "others are compared with.",
            metavar="NETWORK...",
        ),
    ] = ()
    _: KW_ONLY
    seeds: options.Seeds = None
    latency_table: Annotated[
        str | None, Option(help="Predict latencies by this table, a file or the name of an import.")
    ] = None
