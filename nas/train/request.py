"""What a user asks of a training at length. Needs nothing heavy: `--help` reads it."""

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from typer import Argument, Option

from nas.common.errors import UserError
from nas.common.sizes import GivenSize
from nas.console import options

FREE = ("minutes", "tensorboard", "device", "data_root", "resume")
"""What may be said anew when a training goes on."""


@dataclass(frozen=True)
class TrainRequest(options.CommandOptions):
    """One network to be trained, and how; None is the default, or what the run of RUN@TRIAL has."""

    network: Annotated[
        str | None,
        Argument(
            help="A zoo name, an arch's text, RUN@TRIAL, torchvision:NAME or timm:NAME. RUN@TRIAL brings data, split, "
            "resolution, fit and recipe with it.",
            metavar="NETWORK",
        ),
    ] = None
    _: KW_ONLY
    data: options.Data = None
    data_root: options.DataRoot = None
    split: options.Split = None
    channels: options.Channels = None
    skip_corrupt: options.SkipCorrupt = False
    drop_duplicates: options.DropDuplicates = False
    epochs: Annotated[float, Option(help="Length of the schedule; decimals allowed.")] = 30.0
    subset: Annotated[float, Option(help="Share of the training images, in (0, 1].")] = 1.0
    train_resolution: Annotated[
        GivenSize | None,
        Option("--train-resolution", "--resolution", help=f"Of the images: {options.PIXELS}. [32]"),
    ] = None
    fit: options.Fit = None
    recipe: options.Recipe = None
    metric: options.Metric = None
    class_weights: options.ClassWeights = None
    init: Annotated[
        str | None,
        Option(
            help="Start from weights: a checkpoint or a training's folder, torchvision:NAME, timm:NAME, "
            "packaged:efficientnet_lite0, or a .pth or .safetensors file in torchvision's or timm's layout. "
            "Of another arch the network inherits what it can.",
            metavar="WEIGHTS",
        ),
    ] = None
    normalise: Annotated[
        str | None,
        Option(help="Of the images: imagenet, half, lite or data. [that of the weights, else of the data]"),
    ] = None
    freeze: Annotated[
        str | None,
        Option(
            help="Leave parts as they are, batch-norm statistics too: features (all but the classifier), stem, or "
            "stem,N for the first N stages too. A stage is a run of blocks of one output width."
        ),
    ] = None
    keep: Annotated[
        str | None,
        Option(
            help="Which weights: those of the last step, or the best by validation. [best below 10,000 images]"
        ),
    ] = None
    patience: Annotated[
        int | None,
        Option(
            min=1,
            help="End after so many epochs in a row that are no better by validation. [at the schedule's end]",
        ),
    ] = None
    seed: Annotated[int, Option(min=0, help="Fixes weights, order, augmentation.")] = 0
    minutes: Annotated[
        float | None,
        Option(
            help="End after this time, at the next report: as far as it has come by then. --resume goes on."
        ),
    ] = None
    tensorboard: Annotated[
        bool, Option("--tensorboard", help="Write TensorBoard's event files into the folder, too.")
    ] = False
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")] = "auto"
    out: Annotated[
        options.AnyPath | None,
        Option(help="Folder for model.safetensors and result.json; new or empty. [results/DATE-TIME]"),
    ] = None
    resume: Annotated[
        options.AnyPath | None,
        Option(
            help="Go on with the training in this folder, after Ctrl-C, a crash or --minutes.",
            metavar="FOLDER",
        ),
    ] = None

    def check(self) -> None:
        """Raises UserError for what does not go together."""
        if self.resume is None and self.network is None:
            raise UserError("no network is named: give one, or --resume FOLDER")
        if self.resume is not None and (given := self.given(*FREE)):
            raise UserError(
                f"{', '.join(given)} cannot be changed by --resume; it takes --minutes, --tensorboard, --device "
                "and --data-root"
            )
        if self.normalise not in (None, "data", "imagenet", "half", "lite"):
            raise UserError(f"--normalise {self.normalise}: expected imagenet, half, lite or data")
        for word, text in (("--freeze", self.freeze), ("--init", self.init), ("--out", self.out)):
            if text is not None and not str(text).strip():
                raise UserError(f"{word} is given without anything; leave it out, or say what")
        if self.keep not in (None, "last", "best"):
            raise UserError(f"--keep {self.keep}: expected last or best")
