"""The model card of a checkpoint or of a file made from it: Markdown beside it, with a drawing.

`write` is all that a command needs. What is not known is left out; nothing in a card is guessed.
"""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nas
from nas.common.files import write_text
from nas.common.quantities import MACS, PARAMS
from nas.common.sizes import told
from nas.data.fitting import said
from nas.describe.drawing import svg
from nas.describe.layers import Description, describe
from nas.networks.checkpoint import Card
from nas.networks.references import parse

SHOWN = 40
"""Classes that are named."""


def write(
    file: Path,
    card: Card,
    *,
    facts: Mapping[str, str] | None = None,
    usage: str | None = None,
    again: str = "",
) -> Path:
    """Write FILE.md and, drawn, FILE.svg beside a file of weights; the card's path.

    facts: what is known of the file beyond its card, by heading. usage: Python that runs it, which is also written as
    FILE.py, to be run in the file's folder; in the card of a checkpoint there is a default. again: the command that
    made it from its checkpoint. Raises UserError where they cannot be written.
    """
    drawn = file.with_name(f"{file.name}.svg")
    description = describe(parse(card.network), card.resolution, len(card.classes), card.channels)
    write_text(drawn, svg(description))
    told = file.with_name(f"{file.name}.md")
    if usage:
        write_text(file.with_name(f"{file.name}.py"), usage + "\n")
    write_text(told, markdown(file.name, card, description, facts or {}, usage, again, drawn.name))
    return told


def markdown(
    name: str,
    card: Card,
    description: Description,
    facts: Mapping[str, str],
    usage: str | None,
    again: str,
    drawing: str,
) -> str:
    """The card's text."""
    side, count = card.resolution, len(card.classes)
    rows = {**_told(card, description), **facts}
    table = "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items())
    show = f"python -m nas.describe {shlex.quote(card.network)} --resolution {side} --classes {count}"
    show += f" --channels {card.channels}" * (card.channels != 3)
    parts = [
        f"# {name}",
        f"A classifier of {count} {'class' if count == 1 else 'classes'} for images of {told(side)} pixels, found "
        f"and trained with nas-search {nas.__version__}.",
        f"| | |\n|---|---|\n{table}",
        f"![The network, layer by layer]({drawing})",
        f"Layer by layer: `{show}`",
        "## To run it",
        f"```python\n{usage or with_torch(name, card)}\n```",
        "## To make it again",
        *_again(card, again),
    ]
    return "\n\n".join(parts) + "\n"


def with_torch(name: str, card: Card) -> str:
    """Lines that do the same with a checkpoint and nas-search; for onnxruntime alone it is exported."""
    levels = f", Levels.of({card.levels})" if card.levels else ""
    more = f"{levels}, way={card.fit!r}" + f", channels={card.channels}" * (card.channels != 3)
    return f"""from pathlib import Path
import sys, torch
from nas.data.pictures import {"Levels, " * bool(levels)}decode
from nas.networks.checkpoint import load
checkpoint = load(Path({name!r}))
card, network = checkpoint.card, checkpoint.network()
pixels = torch.from_numpy(decode(Path(sys.argv[1]).read_bytes(), card.resolution{more}).copy()) / 255
images = ((pixels - torch.tensor(card.mean)) / torch.tensor(card.std)).permute(2, 0, 1)[None]
shares = network(images).softmax(1)[0]
for at in shares.argsort(descending=True)[:5]: print(f"{{shares[at]:7.2%}}  {{card.classes[at]}}")
# many pictures: python -m nas.predict {name} FOLDER; onnxruntime alone: python -m nas.export {name}"""


def _told(card: Card, description: Description) -> dict[str, str]:
    """The table of what the card knows, by heading."""
    side, total = card.resolution, description.total
    names = ", ".join(card.classes[:SHOWN])
    more = f" and {len(card.classes) - SHOWN:,} more" if len(card.classes) > SHOWN else ""
    rows = {
        "network": f"`{card.network}`",
        "as built": description.note,
        "cost": f"{MACS.show(total.macs)} {MACS.phrase} ({total.macs:,}) of convolutions, fully connected layers and "
        f"attention, one image of {told(side)}; {total.params:,} {PARAMS.phrase}",
        "input": f"{_colours(card)}, {told(side)}: upright, {said(side, card.fit)}, bicubic",
        "normalisation": f"of values in [0, 1]: less {_numbers(card.mean)}, divided by {_numbers(card.std)}",
        "classes": f"{names}{more}",
        "data": card.data + (f" (fingerprint {card.fingerprint})" if card.fingerprint else ""),
        "validation accuracy": _share(card.accuracy, "in torch, on the validation split of these data"),
        "test accuracy": _share(card.test_accuracy, "in torch, on the held-out test images of these data"),
    }
    return {name: value for name, value in rows.items() if value}


def _colours(card: Card) -> str:
    """What the channels are, and how levels become numbers in [0, 1] where there are more than 256."""
    colours = card.colours if card.channels in (1, 3) else f"{card.channels} bands as they are"
    if not card.levels:
        return colours
    each = [f"{low} to {high}" for low, high in zip(card.levels[::2], card.levels[1::2], strict=True)]
    return f"{colours}, of more than 8 bits, levels {', '.join(each)} scaled to 0 to 255"


def _again(card: Card, again: str) -> list[str]:
    """How it came about: the commands, and what the trainer noted."""
    made = dict(card.made)
    command = made.pop("command", None)
    trained = shlex.join(command) if isinstance(command, list) else command
    lines = [str(line) for line in (trained, again) if line]
    parts = ["```bash\n" + "\n".join(lines) + "\n```"] if lines else []
    if made:
        parts.append(
            "The training, as it was noted:\n\n```json\n" + json.dumps(made, indent=1, default=str) + "\n```"
        )
    return parts or ["It is not noted how it was trained."]


def _share(value: float | None, of: str) -> str:
    return "" if value is None else f"{value:.2%} {of}"


def _numbers(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"


def _cell(text: Any) -> str:
    """Within a row of a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")
