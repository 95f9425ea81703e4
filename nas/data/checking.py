"""What a data set that was decoded is refused for, and what is said of it."""

from collections.abc import Callable, Sequence
from typing import Any

from nas.common.errors import UserError
from nas.data.duplicates import told


def check_content(name: str, info: dict[str, Any], skip_corrupt: bool) -> None:
    """Refuse corrupt files unless they may be skipped, and classes too small to be split."""
    corrupt, counts = info["corrupt"], info["counts"]
    left = " after its duplicates were dropped" if info.get("kept") else ""
    if corrupt and not skip_corrupt:
        total = sum(map(sum, counts.values())) + len(corrupt)
        shown = ", ".join(f"{path} ({reason})" for path, reason in corrupt[:5])
        more = f" and {len(corrupt) - 5:,} more" if len(corrupt) > 5 else ""
        raise UserError(
            f"{len(corrupt):,} of the {total:,} images of {name} cannot be decoded: {shown}{more}. "
            "Repair or remove them, or leave them out with --skip-corrupt (skip_corrupt=True)"
        )
    for part, needed in (("train", 2), ("test", 1)):
        for label, count in zip(info["classes"], counts[part], strict=True):
            if count < needed:
                why = "one to train on and one to validate on" if part == "train" else "one to test on"
                raise UserError(
                    f"class {label!r} of {name} has {count} readable images in {part}{left}: at least {needed} "
                    f"needed, {why}. Add images or remove the class"
                )


def say_content(
    name: str, info: dict[str, Any], notify: Callable[[str], None], *, dropped: bool, near: bool
) -> None:
    """Say how pixels are read, and which pictures are there twice where they should not be.

    dropped: whether duplicates are left out. near: whether what only looks the same is said as well.
    """
    if (channels := info.get("channels", 3)) != 3:
        notify(f"{name}: read with {channels} channel{'s' * (channels > 1)}")
    if levels := info.get("levels"):
        notify(f"{name}: of pixels of more than 8 bits, level {_levels_said(levels)}")
    for line in told(info, dropped, near=near):
        notify(f"{name}: {line}")


def _levels_said(levels: Sequence[int]) -> str:
    each = [f"{low} is black and {high} white" for low, high in zip(levels[::2], levels[1::2], strict=True)]
    return each[0] if len(each) == 1 else "; ".join(f"of band {n} {one}" for n, one in enumerate(each, 1))
