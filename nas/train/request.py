"""What a user asks of a training at length. Needs nothing heavy: `--help` reads it."""

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from typer import Argument, Option

from nas.console import options


@dataclass(frozen=True)
class TrainRequest(options.CommandOptions):
    """One network to be trained, and how."""

    network: Annotated[
        str,
        Argument(
            help="A zoo name, an arch's text, RUN@TRIAL, torchvision:NAME or timm:NAME.", metavar="NETWORK"
        ),
    ]
    _: KW_ONLY
    data: options.Data = "auto"
    data_root: options.DataRoot = None
    split: options.Split = None
    skip_corrupt: options.SkipCorrupt = False
    epochs: Annotated[float, Option(help="Length of the schedule; decimals allowed.")] = 30.0
    subset: Annotated[float, Option(help="Share of the training images, in (0, 1].")] = 1.0
    train_resolution: Annotated[
        int, Option("--train-resolution", "--resolution", help="Side of the images in pixels.")
    ] = 32
    recipe: options.Recipe = None
    seed: Annotated[int, Option(min=0, help="Fixes weights, order, augmentation.")] = 0
    minutes: Annotated[
        float | None, Option(help="End after this time, at the next report: as far as it has come by then.")
    ] = None
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")] = "auto"
    out: Annotated[
        options.AnyPath | None,
        Option(help="Folder for weights.pt and result.json; new or empty. [results/DATE-TIME]"),
    ] = None
