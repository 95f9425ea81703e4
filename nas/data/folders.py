"""Data sets as people have them, listed without opening a picture: folders of class folders, and lists of files.

A folder has its parts as folders (train/ and test/, by any of their usual names) or is split by shares.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from nas.common.errors import UserError
from nas.data.bands import FORMATS
from nas.data.pictures import Item

EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif", ".tga"),
)
TRAINING = ("train", "training")
HELD_OUT = ("test", "testing", "val", "valid", "validation", "dev", "eval")
"""Names of the folders of a part, in any case; of several that are held out the first counts."""
LAYOUT = "expected: train/CLASS/*.jpg and test/CLASS/*.jpg (or val/CLASS/*.jpg), any image size"
SPLIT = "--split 0.8/0.1/0.1 (shares of training, validation and test)"
_SYSTEM = ("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found", "#recycle")
_SYSTEM_FILES = ("thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r")

_Files = dict[str, list[tuple[str, str]]]  # class -> (path inside the class folder, state of the file)


@dataclass(frozen=True)
class Content:
    """A whole data set, nothing decoded: `train` is for training and validation, `test` is held out."""

    classes: tuple[str, ...]
    train: Sequence[Item]
    test: Sequence[Item]


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from. `key` changes whenever the content may have; `read` is called only
    if nothing is cached under the key."""

    name: str
    key: str
    read: Callable[[], Content]


@dataclass(frozen=True)
class Shares:
    """How a data set without parts is divided by class; the seed decides which image goes where."""

    train: float
    validation: float
    test: float
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Shares:
        """From TRAIN/VALIDATION/TEST. Raises UserError for anything else than three shares of 1 (or of 100)."""
        try:
            shares = [float(part) for part in text.split("/")]
        except ValueError:
            shares = []
        if len(shares) != 3 or not all(0 < share < np.inf for share in shares):
            raise UserError(f"--split {text!r}: expected three shares above 0, as in 0.8/0.1/0.1")
        if not np.isclose(sum(shares), 1) and not np.isclose(sum(shares), 100):
            raise UserError(f"--split {text!r}: the shares add up to {sum(shares):g}, expected 1")
        train, validation, test = (share / sum(shares) for share in shares)
        return cls(train, validation, test, seed)

    @property
    def inner(self) -> float:
        """The share of validation in what is not held out."""
        return self.validation / (self.train + self.validation)

    def held_out(self, names: Sequence[str]) -> set[str]:
        """Those of the files of one class that are for testing: their share, at least one, not all."""
        lot = np.random.Generator(np.random.PCG64(self.seed)).permutation(len(names))
        count = min(max(round(self.test * len(names)), 1), max(len(names) - 2, 0))
        return {names[index] for index in lot[:count]}


def list_folder(folder: Path, notify: Callable[[str], None], shares: Shares | None = None) -> Origin:
    """Read the layout of an image folder. Raises UserError if it is not one that can be trained on."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"the image folder {folder} {what}; {LAYOUT}")
    left: Counter[str] = Counter()
    inside = {name.lower(): name for name in _folders(folder)}
    training = next((inside[name] for name in TRAINING if name in inside), None)
    if training is None:
        parts = {"": _list_part(folder, "", left)} if len(inside) > 1 else {}
        if not parts or not any(parts[""].values()):
            raise UserError(f"the image folder {folder} has no train/ in it; {LAYOUT}")
        if shares is None:
            raise UserError(
                f"the image folder {folder} has no train/ in it; if its folders are classes, give {SPLIT}"
            )
        parts = _divided(parts[""], shares, folder, notify)
    else:
        if shares is not None:
            raise UserError(
                f"the image folder {folder} has {training}/ and is split already; leave --split out"
            )
        parts = _parts(folder, training, inside, left, notify)
    (train, files), (test, held) = parts.items()
    _check_classes(folder, train, files, test, held)
    if left:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in left.most_common(6))
        notify(f"{folder}: {left.total():,} files left out that are no images by their names: {kinds}")
    classes = tuple(sorted(files))
    key = hashlib.sha256(os.fsencode(folder))
    for part, found in parts.items():
        for name in classes:
            key.update(os.fsencode(f"{part}/{name}\n"))
            key.update(os.fsencode("\n".join([f"{path}\0{state}" for path, state in found[name]])))

    def read() -> Content:
        split = training is None
        return Content(classes, *(_items(folder, part, found, split) for part, found in parts.items()))

    return Origin(folder.name or str(folder), f"folder:{key.hexdigest()}", read)


def list_file(file: Path, notify: Callable[[str], None], shares: Shares | None) -> Origin:
    """Read a list of images: a line holds a path, relative to the list, and a class, by comma, semicolon or tab.

    A third column says the part, train or test; without one, shares do. A first line of words is a heading where it
    names no file. Raises UserError for what is no such list, and names the line.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise UserError(f"the list {file} cannot be read: {reason}") from None
    mark = max(",;\t", key=lambda sign: sum(sign in line for line in lines))
    parts: dict[str, _Files] = {"train": {}, "test": {}}
    told = False
    for number, row in enumerate(csv.reader(lines, delimiter=mark), start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and not (file.parent / cells[0]).exists()):
            continue
        if len(cells) not in (2, 3) or not all(cells):
            raise UserError(
                f"{file}, line {number}: expected a path and a class, as in images/1.jpg{mark}cat"
            )
        part = cells[2].lower() if len(cells) == 3 else "train"
        if part not in (*TRAINING, *HELD_OUT):
            raise UserError(f"{file}, line {number}: part {cells[2]!r}, expected train or test")
        told |= len(cells) == 3
        path = file.parent / cells[0]
        state = _state(path.stat) if path.exists() else "missing"
        side = "train" if part in TRAINING else "test"
        parts[side].setdefault(cells[1], []).append((cells[0], state))
    if told == (shares is not None):
        raise UserError(
            f"{file}: " + ("leave --split out, it has a column of parts" if told else f"give {SPLIT}")
        )
    if shares is not None:
        parts = _divided(parts["train"], shares, file, notify)
    _check_classes(file, "train", parts["train"], "test", parts["test"])
    classes = tuple(sorted(parts["train"]))
    key = hashlib.sha256(os.fsencode(f"{file}\n{parts}"))

    def items(part: str) -> list[Item]:
        return [
            Item(f"{part}/{path}", label, file.parent / path)
            for label, name in enumerate(classes)
            for path, _ in parts[part][name]
        ]

    return Origin(
        file.stem, f"list:{key.hexdigest()}", lambda: Content(classes, items("train"), items("test"))
    )


def _parts(
    folder: Path, training: str, inside: Mapping[str, str], left: Counter[str], notify: Callable[[str], None]
) -> dict[str, _Files]:
    """The files of the training part and of the one that is held out."""
    held_out = [inside[name] for name in HELD_OUT if name in inside]
    if not held_out:
        raise UserError(
            f"the image folder {folder} has neither test/ nor val/ in it: set images aside that no "
            f"search ever sees; {LAYOUT}"
        )
    for other in held_out[1:]:
        notify(
            f"{folder} has both {held_out[0]}/ and {other}/: {held_out[0]}/ is held out, {other}/ is not read"
        )
    if held_out[0] != "test":
        notify(f"{folder}: {held_out[0]}/ is held out for testing")
    return {part: _list_part(folder, part, left) for part in (training, held_out[0])}


def _divided(files: _Files, shares: Shares, where: Path, notify: Callable[[str], None]) -> dict[str, _Files]:
    """Files of a training and of a test part, by class in the shares' proportion."""
    held = {name: shares.held_out([path for path, _ in found]) for name, found in files.items()}
    parts = {
        "train": {name: [f for f in found if f[0] not in held[name]] for name, found in files.items()},
        "test": {name: [f for f in found if f[0] in held[name]] for name, found in files.items()},
    }
    sizes = {part: sum(map(len, found.values())) for part, found in parts.items()}
    notify(
        f"{where}: split by class (seed {shares.seed}) into {sizes['train']:,} images to train and validate on "
        f"and {sizes['test']:,} that are held out"
    )
    return parts


def _items(folder: Path, part: str, files: _Files, split: bool) -> list[Item]:
    inside = folder if split else folder / part
    return [
        Item(f"{part}/{name}/{path}", label, inside / name / path)
        for label, name in enumerate(sorted(files))
        for path, _ in files[name]
    ]


def _folders(folder: Path) -> list[str]:
    """The names of the folders in a folder that are not a system's own."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not _is_systems(e.name))


def _is_systems(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM


def _list_part(folder: Path, part: str, left: Counter[str]) -> _Files:
    try:
        names = _folders(folder / part)
        found = {name: sorted(_list_class(str(folder / part / name), "", left)) for name in names}
    except PermissionError as error:
        raise UserError(f"the image folder {error.filename} cannot be read: {error.strerror}") from error
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise UserError(
            f"no image in {_some([f'{part}/{name}'.strip('/') for name in empty])} of {folder}: put images there "
            f"({', '.join(EXTENSIONS)}) or remove the folder"
        )
    return found


def _list_class(folder: str, prefix: str, left: Counter[str]) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_systems(entry.name) or entry.name.lower() in _SYSTEM_FILES:
                continue
            if entry.is_dir():
                if not entry.is_symlink():  # a link may lead round in circles
                    yield from _list_class(entry.path, f"{prefix}{entry.name}/", left)
            elif entry.is_file() or entry.is_symlink():
                kind = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122
                if kind in EXTENSIONS or (not kind and _is_picture(entry.path)):
                    yield f"{prefix}{entry.name}", _state(entry.stat)
                else:
                    left[kind or "without an extension"] += 1


def list_images(folder: Path) -> list[str]:
    """The paths, within a folder and all below it, of what are pictures by their names, sorted; systems' own left out.

    Raises UserError where it cannot be read.
    """
    try:
        return sorted(path for path, _ in _list_class(str(folder), "", Counter()))
    except OSError as error:
        raise UserError(f"the folder {error.filename} cannot be read: {error.strerror}") from None


def class_folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted; systems' own left out."""
    return _folders(folder)


def _is_picture(path: str) -> bool:
    """Whether a file whose name does not say it begins as a picture does."""
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except Exception:
        return False


def _state(stat: Callable[[], os.stat_result]) -> str:
    try:
        found = stat()
    except OSError:
        return "missing"  # a dangling link: named among the corrupt when it is read
    # The change time catches new content under an old modification time, as unpacking an archive makes.
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _check_classes(where: Path, training: str, train: _Files, held_out: str, test: _Files) -> None:
    if train.keys() != test.keys():
        only_train, only_test = sorted(train.keys() - test.keys()), sorted(test.keys() - train.keys())
        differ = [f"only in {training}/: {_some(only_train)}"] if only_train else []
        differ += [f"only in {held_out}/: {_some(only_test)}"] if only_test else []
        raise UserError(
            f"{training}/ and {held_out}/ of {where} differ in their classes: {'; '.join(differ)}"
        )
    if len(train) < 2:
        raise UserError(f"{where / training} has {len(train)} class folders, at least 2 are needed; {LAYOUT}")


def _some(names: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
