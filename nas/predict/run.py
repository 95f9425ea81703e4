"""Predictions made, printed and written: tables for people, CSV and JSON for programs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas.common.csv_text import rows_csv
from nas.common.files import write_text, writing
from nas.console import commands
from nas.console.options import several
from nas.console.terminal import say
from nas.console.text_table import aligned
from nas.networks.checkpoint import load
from nas.predict.predicting import Predictions, predict
from nas.predict.request import PredictRequest
from nas.predict.scores import Scores, score
from nas.train.trainer import find_device

SHOWN = 40
"""Images, and classes, that are printed one by one."""


def carry_out(request: PredictRequest) -> int:
    """Predict, print, and write what is asked for; 1 where an image could not be read."""
    request.check()
    file = Path(request.checkpoint)
    checkpoint = load(file / "model.safetensors" if file.is_dir() else file)
    found = predict(
        checkpoint,
        several(request.images),
        top=request.top,
        batch_size=request.batch_size,
        device=request.device,
        notify=commands.notify,
    )
    scores = score(found) if found.judged else None
    say(_table(found))
    if scores is not None:
        say(f"\n{_judged(found, scores)}")
    count, speed = len(found.found), len(found.found) / max(found.seconds, 1e-9)
    say(
        f"\n{count:,} images in batches of {request.batch_size} on {find_device(request.device)}: "
        f"{speed:,.0f} images/s, decoding included"
    )
    _write(request, found, scores)
    if found.unreadable:
        commands.notify(f"{len(found.unreadable):,} images could not be read and were skipped")
    return 1 if found.unreadable else 0


def _table(found: Predictions) -> str:
    ranks = max((len(one.top) for one in found.found), default=0)
    header = ["image", *["is"] * found.judged]
    for rank in range(1, ranks + 1):
        header += [f"class {rank}" if rank > 1 else "class", f"% {rank}" if rank > 1 else "%"]
    rows = [
        [one.image, *[one.truth or ""] * found.judged]
        + [cell for name, chance in one.top for cell in (name, f"{100 * chance:.1f}")]
        for one in found.found[:SHOWN]
    ]
    text = aligned(header, rows, left=[name for name in header if not name.startswith("%")])
    more = len(found.found) - SHOWN
    return text if more <= 0 else f"{text}\nand {more:,} more; --csv FILE writes all"


def _judged(found: Predictions, scores: Scores) -> str:
    told = [
        f"accuracy {scores.accuracy:.4f} on {scores.confusion.sum():,} images of {len(scores.classes)} classes, "
        f"balanced accuracy {scores.balanced_accuracy:.4f}, macro F1 {scores.f1:.4f}"
    ]
    card = found.card
    if card.test_accuracy is not None:
        told.append(f"(the checkpoint says {card.test_accuracy:.4f} on the test images of {card.data})")
    rows = [
        [one.name, f"{one.images:,}", *(f"{value:.3f}" for value in (one.precision, one.recall, one.f1))]
        for one in scores.classes[:SHOWN]
    ]
    table = aligned(["class", "images", "precision", "recall", "F1"], rows, left=("class",))
    return f"{' '.join(told)}\n\n{table}"


# Files ---------------------------------------------------------------------------------------------------


def _write(request: PredictRequest, found: Predictions, scores: Scores | None) -> None:
    written: list[Path] = []
    if request.csv is not None:
        written.append(Path(request.csv))
        write_text(written[-1], rows_csv(*_rows(found)))
    if request.json is not None:
        written.append(Path(request.json))
        write_text(written[-1], json.dumps(_plain(found, scores), indent=2) + "\n")
    if request.out is not None and scores is not None:
        written += _write_scores(Path(request.out), found, scores)
    elif request.out is not None:
        commands.notify(f"--out: nothing is judged and written, because {_unjudged(found)}")
    for path in written:
        say(f"wrote {path}")


def _unjudged(found: Predictions) -> str:
    """Why there is no accuracy."""
    folders = dict.fromkeys(Path(one.image).parent.name for one in found.found)
    strange = [name for name in folders if name not in found.card.classes]
    some = ", ".join(strange[:5]) + ", ..." * (len(strange) > 5)
    return (
        f"the images lie in {some or 'no folders'}: folders of the names of the classes are expected "
        f"({', '.join(found.card.classes[:10])}{', ...' * (len(found.card.classes) > 10)})"
    )


def _write_scores(out: Path, found: Predictions, scores: Scores) -> list[Path]:
    from nas.predict.picture import draw_confusion  # matplotlib takes a second

    with writing(f"--out {out}", "; name another folder"):
        out.mkdir(parents=True, exist_ok=True)
    names = [one.name for one in scores.classes]
    table = [[name, *row] for name, row in zip(names, scores.confusion.tolist(), strict=True)]
    write_text(out / "confusion.csv", rows_csv(["is \\ taken for", *names], table))
    rows = [[one.name, one.images, one.precision, one.recall, one.f1] for one in scores.classes]
    write_text(out / "classes.csv", rows_csv(["class", "images", "precision", "recall", "f1"], rows))
    draw_confusion(scores, Path(found.found[0].image).parent.parent.name, out / "confusion.png")
    return [out / name for name in ("confusion.csv", "classes.csv", "confusion.png")]


def _rows(found: Predictions) -> tuple[list[str], list[list[Any]]]:
    ranks = max((len(one.top) for one in found.found), default=0)
    header = ["image", *["truth"] * found.judged]
    header += [f"{word}{rank}" for rank in range(1, ranks + 1) for word in ("class", "probability")]
    rows = [
        [one.image, *[one.truth] * found.judged, *(cell for pair in one.top for cell in pair)]
        for one in found.found
    ]
    return header, rows


def _plain(found: Predictions, scores: Scores | None) -> dict[str, Any]:
    images = [
        {"image": one.image, "truth": one.truth, "top": [{"class": c, "probability": p} for c, p in one.top]}
        for one in found.found
    ]
    plain: dict[str, Any] = {
        "network": found.card.network,
        "classes": list(found.card.classes),
        "images": images,
        "unreadable": [{"image": image, "reason": reason} for image, reason in found.unreadable],
        "seconds": found.seconds,
    }
    if scores is not None:
        plain["scores"] = {
            "accuracy": scores.accuracy,
            "balanced_accuracy": scores.balanced_accuracy,
            "f1": scores.f1,
            "confusion": scores.confusion.tolist(),
            "classes": [asdict(one) for one in scores.classes],
        }
    return plain
