"""Say what a data set holds and what will be done with it.

python -m nas.data folder:flowers --png flowers.png
"""

from pathlib import Path
from typing import Annotated

import typer

from nas.common.files import writing
from nas.common.sizes import CROP, read_size
from nas.console import options
from nas.console.terminal import say
from nas.console.text_table import aligned
from nas.data.dataset import BOUNDS
from nas.data.fitting import said
from nas.data.report import LOOKED_AT, Report, draw, report, write_images

SHOWN = 40
"""Classes that are listed one by one."""
KEPT = 0.9
"""Share of a picture below which it is said how much is cut off."""


def main(
    data: Annotated[
        str,
        typer.Argument(help="A folder, or as --data of a search: cifar10, folder:PATH, list:FILE, digits."),
    ],
    resolution: Annotated[
        str,
        typer.Option(
            "--resolution", "--train-resolution", help=f"Networks are trained at: {options.PIXELS}."
        ),
    ] = "32",
    fit: Annotated[str, typer.Option(help=options.FIT)] = CROP,
    split: Annotated[
        str | None, typer.Option(help="Shares of training, validation and test: 0.8/0.1/0.1.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split.")] = 0,
    channels: options.Channels = None,
    skip_corrupt: Annotated[bool, typer.Option("--skip-corrupt", help="Leave corrupt images out.")] = False,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Leave out pictures that are there twice.")
    ] = False,
    data_root: Annotated[Path | None, typer.Option(help="Where CIFAR-10 is, or is downloaded to.")] = None,
    png: Annotated[
        Path | None, typer.Option(help="Write a picture of a few images a class, as networks get them.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the held-out images into this folder, as CLASS/NNNN.png.")
    ] = None,
) -> None:
    """Print what a data set holds: classes, counts, sizes, kinds, and what will be done with it."""
    spec = f"folder:{data}" if ":" not in data and Path(data).is_dir() else data
    found = report(
        spec,
        root=data_root,
        resolution=read_size(resolution, "--resolution", *BOUNDS),
        fit=fit,
        split=split,
        seed=seed,
        skip_corrupt=skip_corrupt,
        channels=channels,
        drop_duplicates=drop_duplicates,
    )
    say(_text(found))
    if png:
        with writing(str(png), "; name another file"):
            draw(found, png)
        say(f"wrote {png}", err=True)
    if write:
        count = write_images(found.data, write)
        say(f"wrote {count:,} images into {write}", err=True)


def _text(found: Report) -> str:
    data = found.data
    training, validation, test = (
        sum(getattr(one, part) for one in found.classes) for part in ("training", "validation", "test")
    )
    lines = [
        f"{data.name}: {len(data.classes)} classes; {training:,} images to train on, {validation:,} to validate "
        f"on, {test:,} held out (fingerprint {data.fingerprint})",
        "",
        aligned(
            ["class", "training", "validation", "test"],
            [
                [one.name, f"{one.training:,}", f"{one.validation:,}", f"{one.test:,}"]
                for one in found.classes[:SHOWN]
            ],
            left=("class",),
        ),
    ]
    if len(found.classes) > SHOWN:
        lines.append(f"and {len(found.classes) - SHOWN:,} more")
    lines += ["", f"largest class by smallest: {found.imbalance:.1f}"]
    if found.kinds:
        some = f" (of {found.looked_at:,} files)" if found.looked_at >= LOOKED_AT else ""
        lines.append(f"files{some}: {', '.join(f'{count:,} {kind}' for kind, count in found.kinds)}")
    if found.sizes:
        least, median, most = (f"{height}x{width}" for width, height in found.sizes)
        lines.append(f"height x width: {least} at the least, {median} in the middle, {most} at the most")
    lines.append(f"as networks get them: {said(data.resolution, data.fit)}, {_colours(found)}, 8 bits")
    if found.kept < KEPT:
        lines.append(
            f"of the picture in the middle {found.kept:.0%} is left by that; --fit pad or stretch keeps all of it, "
            "and so does a resolution of its shape"
        )
    if data.skipped:
        lines.append(f"corrupt and left out: {data.skipped:,}")
    return "\n".join([*lines, *found.said])


def _colours(found: Report) -> str:
    """What the channels are, and of grey how else it can be read."""
    channels = found.data.channels
    if channels == 1:
        return "grey, one channel"
    if channels != 3:
        return f"{channels} bands as they are"
    modes = {kind.split()[-1] for kind, _ in found.kinds}
    grey = modes and modes <= {"L", "1", "I", "I;16", "I;16B"}
    return "RGB" + " (all are grey: three equal channels; --channels 1 reads one)" * bool(grey)


if __name__ == "__main__":
    from nas.console import commands as console

    console.run(main)
