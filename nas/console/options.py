"""Options that several commands take, once each, with their help. Needs nothing heavy: every `--help` reads it."""

from pathlib import Path
from typing import Annotated

from typer import Option

Data = Annotated[str | None, Option(help="auto, cifar10, folder:PATH or digits. [auto]")]
DataRoot = Annotated[Path | None, Option(help="Where CIFAR-10 is, or is downloaded to.")]
SkipCorrupt = Annotated[bool, Option("--skip-corrupt", help="Leave corrupt images out.")]
Epochs = Annotated[float | None, Option(help="Or in epochs. [as standard, at most 10: 1.2 for CIFAR-10]")]
Subset = Annotated[float | None, Option(help="Share of the training images that is used. [1]")]
TrainResolution = Annotated[int | None, Option(help="Pixels that networks are trained at. [32]")]
TargetResolution = Annotated[int | None, Option(help="Pixels that costs are counted at. [224]")]
TargetClasses = Annotated[int | None, Option(help="Classes that costs are counted for. [1000]")]
Minutes = Annotated[float | None, Option(help="Stop after this time, start to end.")]
Concurrency = Annotated[int | None, Option(help="Trainings at a time. [one a core]")]
Device = Annotated[str, Option(help="auto, cpu or cuda.")]
Out = Annotated[Path | None, Option(help="Folder of the run. [results/DATE-TIME]")]
Storage = Annotated[str | None, Option(help="Optuna storage URL. [a file in the folder]")]
Seeds = Annotated[int | None, Option(help="Trainings of each network. [3]")]
FirstSeed = Annotated[int | None, Option(help="The first seed. [0]")]
