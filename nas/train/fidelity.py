"""How briefly a trial is trained, by name."""

from nas.common.errors import UserError

IMAGES = {"quick": 20_000, "standard": 60_000, "thorough": 200_000}
"""Images that a trial sees: 0.4, 1.2 and 4 times CIFAR-10's 50,000."""
LADDER = ("quick", "standard", "thorough")
NAMES = (*IMAGES, "ladder")


def epochs_of(name: str, images: int) -> tuple[float, tuple[float, ...]]:
    """Epochs of a fidelity on so many training images, and those of the rungs below it.

    Raises UserError for a name that is none.
    """
    if name not in NAMES:
        raise UserError(f"fidelity {name!r}: expected one of {', '.join(NAMES)}")
    *below, top = [round(IMAGES[rung] / images, 2) for rung in (LADDER if name == "ladder" else (name,))]
    return top, tuple(below)
