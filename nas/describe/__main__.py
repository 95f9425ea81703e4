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

from nas.common.errors import UserError
from nas.console.text_table import aligned
from nas.describe.drawing import page, svg
from nas.describe.layers import Description, Layer, describe
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION
from nas.runs.naming import resolve
from nas.zoo.catalogue import FIGURES, PublishedFigure, contradicted, name_of, published_figures

_LEFT = ("operator", "NL", "SE", "in an arch's words", "figure", "source", "reason")


def main(
    network: Annotated[
        str, typer.Argument(help="A zoo name, an arch's text, RUN@TRIAL, torchvision:NAME or timm:NAME.")
    ],
    resolution: Annotated[
        int, typer.Option(min=1, max=4096, help="Side of the images in pixels.")
    ] = TARGET_RESOLUTION,
    classes: Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of classes.")] = TARGET_CLASSES,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the drawing and the table as a page.")] = None,
    svg_file: Annotated[Path | None, typer.Option("--svg", help="Write the drawing alone.")] = None,
) -> None:
    """Print a network's layers with their costs, and what was published of it; draw it."""
    model = resolve(network)
    found = describe(model, resolution, classes)
    name = name_of(model)
    beside = [*published_figures(name), *contradicted(name)] if name else []
    typer.echo(json.dumps(_plain(found, name, beside), indent=2) if as_json else _text(found, name, beside))
    if svg_file:
        _write(svg_file, svg(found, name))
    if html:
        figures = [_published(row) for row in beside]
        _write(html, page(found, name, _cells(found), figures, _published(None)))


def _text(found: Description, name: str | None, beside: list[PublishedFigure]) -> str:
    parts = [_title(found, name), found.model] if name != found.model else [_title(found, name)]
    if found.note:
        parts.append(found.note)
    header, rows = _cells(found)
    parts += ["", aligned(header, rows, _LEFT)]
    if beside:
        header, *rows = _published(None), *[_published(row) for row in beside]
        parts += ["", "Published, each beside the count at its resolution with 1000 classes:"]
        parts.append(aligned(header, rows, _LEFT))
    return "\n".join(parts)


def _title(found: Description, name: str | None) -> str:
    return (
        f"{name or 'arch'}: {found.total.macs / 1e6:.2f} M multiply-adds of convolutions and fully connected "
        f"layers, {found.total.params / 1e6:.3f} M parameters, at {found.resolution}x{found.resolution} with "
        f"{found.classes} classes"
    )


def _cells(found: Description) -> tuple[list[str], list[list[str]]]:
    """The table's header and rows; the arch's words are left out where no row has any."""
    header = ["input", "operator", "exp", "out", "SE", "NL", "s", "g", "M multiply-adds", "parameters"]
    worded = any(layer.text for layer in found.layers)
    rows = [_row(layer) + ([layer.text] if worded else []) for layer in found.layers]
    total = [""] * 8 + [f"{found.total.macs / 1e6:.3f}", f"{found.total.params:,}"]
    total[1] = "total"
    return header + (["in an arch's words"] if worded else []), [*rows, total + ([""] if worded else [])]


def _row(layer: Layer) -> list[str]:
    return [
        f"{layer.size}x{layer.size}x{layer.channels}",
        layer.operator,
        str(layer.expansion or "-"),
        str(layer.out),
        "SE" if layer.squeeze_excite else "-",
        layer.activation or "-",
        str(layer.stride),
        str(layer.groups) if layer.groups > 1 else "-",
        f"{layer.macs / 1e6:.3f}",
        f"{layer.params:,}",
    ]


def _published(row: PublishedFigure | None) -> list[str]:
    """Cells of a published figure, or the header."""
    if row is None:
        return ["figure", "resolution", "published", "counted", "difference", "reason", "source"]
    return [
        f"M {FIGURES[row.figure]}",
        str(row.resolution),
        f"{row.published / 1e6:g}",
        f"{row.counted / 1e6:.3f}",
        f"{row.difference:+.1%}",
        row.reason,
        row.source,
    ]


def _plain(found: Description, name: str | None, beside: list[PublishedFigure]) -> dict[str, Any]:
    return {
        "name": name,
        "arch": found.model,
        "resolution": found.resolution,
        "classes": found.classes,
        "note": found.note,
        "total": asdict(found.total),
        "layers": [asdict(layer) for layer in found.layers],
        "published": [{**asdict(row), "difference": row.difference} for row in beside],
    }


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}; name another file") from None
    typer.echo(f"wrote {file}", err=True)


if __name__ == "__main__":
    from nas.console import commands as console

    console.run(main)
