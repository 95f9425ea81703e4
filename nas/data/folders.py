"""Pictures as people have them (folders of files of any size and kind) made into rows of uint8 RGB.

`list_folder` reads an image folder's layout without opening a picture; `decode` makes one picture the
square of a given resolution; `decode_all` does so for many, in bounded memory, and gives the reason for what
cannot be decoded.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from nas.common.errors import UserError
from nas.common.machine import cores

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
LAYOUT = "expected: train/CLASS/*.jpg and test/CLASS/*.jpg (or val/CLASS/*.jpg), any image size"
# Only these are tried: Pillow would otherwise hand a .jpg that is really PostScript to Ghostscript.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_ORIENTATION = 0x0112
_CHUNK_BYTES = 32 * 2**20
_GROUP = 16

Pixels = npt.NDArray[np.uint8]
_Files = dict[str, list[tuple[str, str]]]  # class -> (path inside the class folder, state of the file)


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a data set: its path inside the set, its class, and where it is (a file or pixels)."""

    path: str
    label: int
    where: Path | Pixels


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


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded item: uint8 [r, r, 3], and the SHA-256 of the bytes that it was decoded from."""

    pixels: Pixels
    sha256: str


# ---------------------------------------------------------------------------------------- folders


def list_folder(folder: Path, notify: Callable[[str], None]) -> Origin:
    """Read the layout of an image folder. Raises UserError if it is not one that can be trained on."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"the image folder {folder} {what}; {LAYOUT}")
    if not (folder / "train").is_dir():
        raise UserError(f"the image folder {folder} has no train/ in it; {LAYOUT}")
    held_out = [name for name in ("test", "val") if (folder / name).is_dir()]
    if not held_out:
        raise UserError(
            f"the image folder {folder} has neither test/ nor val/ in it: set images aside that no "
            f"search ever sees; {LAYOUT}"
        )
    if len(held_out) == 2:
        notify(f"{folder} has both test/ and val/: test/ is held out, val/ is not read")
    train = _list_part(folder, "train")
    test = _list_part(folder, held_out[0])
    _check_classes(folder, train, held_out[0], test)
    classes = tuple(sorted(train))
    parts = {"train": train, held_out[0]: test}
    key = hashlib.sha256(os.fsencode(folder))
    for part, files in parts.items():
        for name in classes:
            key.update(os.fsencode(f"{part}/{name}\n"))
            key.update(os.fsencode("\n".join([f"{path}\0{state}" for path, state in files[name]])))

    def read() -> Content:
        return Content(classes, *(_items(folder, part, files) for part, files in parts.items()))

    return Origin(folder.name or str(folder), f"folder:{key.hexdigest()}", read)


def _items(folder: Path, part: str, files: _Files) -> list[Item]:
    return [
        Item(f"{part}/{name}/{path}", label, folder / part / name / path)
        for label, name in enumerate(sorted(files))
        for path, _ in files[name]
    ]


def _list_part(folder: Path, part: str) -> _Files:
    try:
        with os.scandir(folder / part) as entries:
            names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())
        found = {name: sorted(_list_class(str(folder / part / name), "")) for name in names}
    except PermissionError as error:
        raise UserError(f"the image folder {error.filename} cannot be read: {error.strerror}") from error
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise UserError(
            f"no image in {_some([f'{part}/{name}' for name in empty])} of {folder}: put images there "
            f"({', '.join(EXTENSIONS)}) or remove the folder"
        )
    return found


def _list_class(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if not entry.is_symlink():  # a link may lead round in circles
                    yield from _list_class(entry.path, f"{prefix}{entry.name}/")
            elif entry.name.lower().endswith(EXTENSIONS) and (entry.is_file() or entry.is_symlink()):
                yield f"{prefix}{entry.name}", _state(entry)


def _state(entry: os.DirEntry[str]) -> str:
    try:
        stat = entry.stat()
    except OSError:
        return "missing"  # a dangling link: named among the corrupt when it is read
    # The change time catches new content under an old modification time, as unpacking an archive makes.
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _check_classes(folder: Path, train: _Files, held_out: str, test: _Files) -> None:
    if train.keys() != test.keys():
        only_train, only_test = sorted(train.keys() - test.keys()), sorted(test.keys() - train.keys())
        differ = [f"only in train/: {_some(only_train)}"] if only_train else []
        differ += [f"only in {held_out}/: {_some(only_test)}"] if only_test else []
        raise UserError(f"train/ and {held_out}/ of {folder} differ in their classes: {'; '.join(differ)}")
    if len(train) < 2:
        raise UserError(f"{folder / 'train'} has {len(train)} class folders, at least 2 are needed; {LAYOUT}")


def _some(names: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


# --------------------------------------------------------------------------------------- decoding


def decode_all(items: Sequence[Item], resolution: int) -> Iterator[tuple[Item, Picture | str]]:
    """Decode items in order, about 32 MB at a time, on as many threads as this process has cores.

    Each comes with its picture, or with the reason why it has none. A file that cannot be read for a reason other
    than its being absent or forbidden (a failing disk) raises OSError: it is not corrupt, and to remember it as
    such would be wrong.
    """
    size = max(_GROUP, min(4096, _CHUNK_BYTES // (resolution * resolution * 3)))
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(items), size):
            chunk = items[start : start + size]
            groups = [chunk[i : i + _GROUP] for i in range(0, len(chunk), _GROUP)]
            made = list(pool.map(lambda group: [_try(item, resolution) for item in group], groups))
            yield from zip(chunk, chain.from_iterable(made), strict=True)


def _try(item: Item, resolution: int) -> Picture | str:
    if isinstance(item.where, np.ndarray):
        pixels = fit(Image.fromarray(item.where), resolution)
        return Picture(pixels, hashlib.sha256(item.where.tobytes()).hexdigest())
    try:
        data = item.where.read_bytes()
    except (FileNotFoundError, PermissionError) as error:
        return error.strerror or str(error)
    try:
        return Picture(decode(data, resolution), hashlib.sha256(data).hexdigest())
    except MemoryError:
        raise
    except UnidentifiedImageError:
        return "not an image" if data else "an empty file"
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        return str(error) or type(error).__name__


def decode(data: bytes, resolution: int) -> Pixels:
    """Decode an image file's bytes to uint8 [resolution, resolution, 3]. Raises what Pillow raises."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        # JPEG only: lets the decoder shrink a large picture, to no less than twice what is needed.
        image.draft("RGB", (2 * resolution, 2 * resolution))
        return fit(_upright(image), resolution)


def fit(image: Image.Image, resolution: int) -> Pixels:
    """Scale the shorter side to `resolution` (bicubic, antialiased), crop the centre, convert to RGB."""
    image = _to_rgb(image)
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    if side != resolution:
        # Cropping first is the same and spares scaling the ends of a very long picture.
        image = image.resize((resolution, resolution), Image.Resampling.BICUBIC, box=box)
    elif width != height:
        image = image.crop(box)
    return np.asarray(image, dtype=np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(_ORIENTATION, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except (SyntaxError, ValueError, KeyError, TypeError):
        return image  # the camera's notes are damaged, which says nothing about the picture


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB: 16 bits scaled to 8 (Pillow would clip), transparency laid on white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()
        return image
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is unknown; 8 or 16 bits are expected")
    if image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.clip(np.asarray(image, dtype=np.int64), 0, 65535)
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        colours = image.convert("RGBA")
        page = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(page, colours).convert("RGB")
    return image.convert("RGB")
