"""What a user asks of a prediction. Needs nothing heavy: `--help` reads it."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from nas.common.errors import UserError, require
from nas.console import options


@dataclass(frozen=True)
class PredictRequest(options.CommandOptions):
    """A trained network, and images that it is to name."""

    checkpoint: Annotated[
        options.AnyPath, Argument(help="A file or folder that nas.train wrote.", metavar="CHECKPOINT")
    ]
    images: Annotated[
        options.Texts,
        Argument(
            help="Files, or folders with all that is in them. A single folder whose folders are named as the "
            "classes is judged as well.",
            metavar="IMAGE|FOLDER...",
        ),
    ]
    _: KW_ONLY
    top: Annotated[int, Option(help="Classes that are named for each image.")] = 3
    csv: Annotated[options.AnyPath | None, Option(help="Write all predictions as CSV.", metavar="FILE")] = (
        None
    )
    json: Annotated[
        options.AnyPath | None,
        Option(help="Write all predictions, and what is judged, as JSON.", metavar="FILE"),
    ] = None
    out: Annotated[
        options.AnyPath | None,
        Option(
            help="For a judged folder: a folder for confusion.csv, confusion.png and classes.csv.",
            metavar="FOLDER",
        ),
    ] = None
    batch_size: Annotated[int, Option(help="Images at a time.")] = 64
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")] = "auto"

    def check(self) -> None:
        """Raises UserError for numbers out of bounds."""
        require(self.top >= 1, "--top", self.top, "1 or more")
        for word, file in (("--csv", self.csv), ("--json", self.json)):  # before a long folder, not after it
            if file is not None and (Path(file).is_dir() or not Path(file).absolute().parent.is_dir()):
                raise UserError(f"{word} {file}: expected a file in a folder that there is")
        require(1 <= self.batch_size <= 10_000, "--batch-size", self.batch_size, "1 to 10000")
