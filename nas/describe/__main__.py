"""Show a network: its layers in the columns of the papers, what each costs, what was published, a drawing.

python -m nas.describe mobilenet_v3_small
python -m nas.describe torchvision:resnet50 --svg resnet50.svg
python -m nas.describe stem16_HS-ir16-ir24_t4_s2-head960_HS --resolution 32 --classes 10 --json
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nas.common.files import writing
from nas.common.quantities import MACS, MEMORY, PARAMS, WEIGHTS
from nas.common.sizes import read_size, told
from nas.console import options
from nas.console.terminal import say
from nas.console.text_table import aligned
from nas.describe.drawing import page, svg
from nas.describe.layers import Description, Layer, describe
from nas.figures.markup import table
from nas.networks.building import build
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION
from nas.networks.counting import Cost, recount
from nas.runs.naming import resolve
from nas.zoo.catalogue import PublishedFigure, contradicted, name_of, published_figures

_FIGURE = ("figure", "resolution", "published", "counted", "difference", "reason", "source")
_MEMORY = f"{MEMORY.unit} memory"
_LEFT = ("operator", "NL", "SE", "in an arch's words", "figure", "source", "reason")


def main(
    network: Annotated[
        str, typer.Argument(help="A zoo name, an arch's text, RUN@TRIAL, torchvision:NAME or timm:NAME.")
    ],
    resolution: Annotated[str, typer.Option(help=f"Of the images: {options.PIXELS}.")] = str(
        TARGET_RESOLUTION
    ),
    classes: Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of classes.")] = TARGET_CLASSES,
    channels: Annotated[int, typer.Option(min=1, max=1024, help="Channels of the images.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the drawing and the table as a page.")] = None,
    svg_file: Annotated[Path | None, typer.Option("--svg", help="Write the drawing alone.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Count again with fvcore, another counter.")] = False,
) -> None:
    """Print a network's layers with their costs, and what was published of it; draw it."""
    model = resolve(network)
    size = read_size(resolution, "--resolution")
    description = describe(model, size, classes, channels)
    name = name_of(model)
    beside = [*published_figures(name), *contradicted(name)] if name else []
    if as_json:
        say(json.dumps(_plain(description, name, beside), indent=2))
    else:
        say(_text(description, name, beside))
    if check:
        macs = recount(build(model, classes, size, channels), channels, size)
        say(f"fvcore counts {macs:,} multiply-adds; nas {description.total.macs:,}", err=as_json)
    if svg_file:
        _write(svg_file, svg(description, name))
    if html:
        _write(html, page(description, name, _tables(description, beside)))


def _text(description: Description, name: str | None, beside: list[PublishedFigure]) -> str:
    total, size = description.total, told(description.resolution)
    title = (
        f"{name or 'arch'}: {MACS.cell(total.macs)} {MACS.heading} of convolutions, fully connected layers, "
        f"{PARAMS.cell(total.params)} {PARAMS.heading}, at {size} with {description.classes} classes"
    ) + f" and {description.channels} channels" * (description.channels != 3)
    parts = [title, told_bytes(description)]
    parts += [description.model] if name != description.model else []
    parts += [description.note] if description.note else []
    parts += ["", aligned(*_cells(description), _LEFT)]
    if beside:
        parts += ["", "Published, each beside the count at its resolution with 1000 classes:"]
        parts.append(aligned(_FIGURE, _figures(beside), _LEFT))
    return "\n".join(parts)


def told_bytes(description: Description) -> str:
    """What the network takes of a small board, and where."""
    total, peak = description.total, description.layers[description.peak]
    said = (
        f"{WEIGHTS.phrase} {_size(total.weights)} (float32 {_size(4 * total.params)}); {MEMORY.phrase} "
        f"{_size(total.memory)}, batch 1, in row {description.peak + 1} ({peak.text or peak.operator})"
    )
    if description.in_place != total.memory:
        said += (
            f"; {_size(description.in_place)} where depthwise convolutions work in place, as TinyEngine's do"
        )
    return f"{said}; KB are 1024 bytes"


def _size(number: int) -> str:
    return f"{MEMORY.cell(number)} {MEMORY.unit}"


def _tables(description: Description, beside: list[PublishedFigure]) -> str:
    """The same as HTML."""
    parts = [f"<p>{told_bytes(description)}.</p>", table(*_cells(description), _LEFT)]
    parts.append("<p>Multiply-adds of convolutions, fully connected layers and attention, one image.</p>")
    if beside:
        parts.append("<h2>Published, beside the count with 1000 classes</h2>")
        parts.append(table(_FIGURE, _figures(beside), _LEFT))
    return "\n".join(parts)


def _figures(beside: list[PublishedFigure]) -> list[list[str]]:
    return [[row.cells()[heading] for heading in _FIGURE] for row in beside]


def _cells(description: Description) -> tuple[list[str], list[list[str]]]:
    """The table's header and rows; the arch's words are left out where no row has any."""
    header = ["input", "operator", "exp", "out", "SE", "NL", "s", "g", MACS.heading, PARAMS.phrase, _MEMORY]
    rows = [_row(layer) for layer in description.layers]
    rows.append(["", "total", *[""] * 6, *_costs(description.total), ""])
    if any(layer.text for layer in description.layers):
        return [*header, "in an arch's words"], rows
    return header, [row[:-1] for row in rows]


def _costs(counted: Layer | Cost) -> list[str]:
    memory = MEMORY.cell(counted.memory) if counted.memory else "-"
    return [f"{counted.macs / MACS.scale:.3f}", f"{counted.params:,}", memory]


def _row(layer: Layer) -> list[str]:
    return [
        f"{told(layer.size)}x{layer.channels}",
        layer.operator,
        str(layer.expansion or "-"),
        str(layer.out),
        "SE" if layer.squeeze_excite else "-",
        layer.activation or "-",
        str(layer.stride),
        str(layer.groups) if layer.groups > 1 else "-",
        *_costs(layer),
        layer.text,
    ]


def _plain(description: Description, name: str | None, beside: list[PublishedFigure]) -> dict[str, Any]:
    told = asdict(description)
    return {"name": name, "arch": told.pop("model"), **told, "published": [row.plain() for row in beside]}


def _write(file: Path, text: str) -> None:
    with writing(file, "; name another file"):
        file.write_text(text, encoding="utf-8")
    say(f"wrote {file}", err=True)


if __name__ == "__main__":
    from nas.console.commands import run

    run(main)
