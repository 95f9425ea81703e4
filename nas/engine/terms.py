"""What every command that trains is asked: how networks are trained, and how the run is executed.

Needs nothing heavy: `--help` reads it. What it settles to is a `nas.engine.regime.Regime`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from typer import Option

from nas.common.errors import UserError
from nas.common.sizes import GivenSize
from nas.console import options

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class Terms(options.CommandOptions):
    """How networks are to be trained, and what costs are counted for, as asked; None is the default."""

    data: options.Data = None
    split: options.Split = None
    channels: options.Channels = None
    skip_corrupt: options.SkipCorrupt = False
    drop_duplicates: options.DropDuplicates = False
    folds: options.Folds = None
    fidelity: options.Fidelity = None
    epochs: options.Epochs = None
    subset: options.Subset = None
    train_resolution: options.TrainResolution = None
    fit: options.Fit = None
    recipe: options.Recipe = None
    metric: options.Metric = None
    class_weights: options.ClassWeights = None
    seed: options.Seed = None
    target: Annotated[
        str | None,
        Option(
            help="What costs are counted for: papers (224 pixels, 1000 classes), or data (those that are trained). "
            "[papers; data with --board]"
        ),
    ] = None
    target_resolution: Annotated[
        GivenSize | None, Option(help=f"What costs are counted at: {options.PIXELS}. [as --target]")
    ] = None
    target_classes: Annotated[
        int | None, Option(help="Classes that costs are counted for. [as --target]")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Execution(options.CommandOptions):
    """What may be said anew whenever a run goes on, but for `out`. `console` is where it prints."""

    minutes: Annotated[float | None, Option(help="Stop after this time, start to end.")] = None
    concurrency: Annotated[int | None, Option(help="Trainings at a time. [one a core]")] = None
    device: Annotated[str, Option(help="auto, cpu or cuda.")] = "auto"
    data_root: options.DataRoot = None
    out: Annotated[options.AnyPath | None, Option(help="Folder of the run. [results/DATE-TIME]")] = None
    storage: options.Storage = None
    resume: Annotated[
        options.AnyPath | None, Option(help="Go on with the run in this folder.", metavar="RUN")
    ] = None
    console: "Console | None" = None

    def check_resumed(self, free: Collection[str]) -> None:
        """Raises UserError where something is given that a run is defined by: what is not in `free`."""
        if given := self.given(*free):
            spellings = options.spelled(type(self))
            may = [spellings[name].word(name) for name in free if name != "resume"]
            raise UserError(
                f"{', '.join(given)} cannot be changed by --resume; it takes {', '.join(may[:-1])} and {may[-1]}"
            )

    def check(self) -> None:
        """Raises UserError for bounds that are none, and for a device that is not there."""
        concurrency, device = self.concurrency, self.device
        options.deadline(self.minutes, 0.0)
        if concurrency is not None and not 1 <= concurrency <= 1024:
            raise UserError(f"--concurrency {concurrency}: expected from 1 to 1024 trainings at a time")
        if device not in ("auto", "cpu", "cuda"):
            raise UserError(f"--device {device}: expected auto, cpu or cuda")
        if device == "cuda":
            from nas.train.trainer import find_device

            find_device(device)  # refuses it where there is none, before every trial does
