"""How briefly a trial is trained, by name."""

from nas.common.errors import UserError, shown

IMAGES = {"quick": 20_000, "standard": 60_000, "thorough": 200_000}
"""Images that a trial sees: 0.4, 1.2 and 4 times CIFAR-10's 50,000."""
EPOCHS = {"quick": 10.0, "standard": 30.0, "thorough": 100.0}
"""At most so many epochs, however few the images are: beyond them a small set is learnt by heart."""
LADDER = ("quick", "standard", "thorough")
NAMES = (*IMAGES, "ladder")


def epochs_of(name: str, images: int) -> tuple[float, tuple[float, ...]]:
    """Epochs of a fidelity on so many training images, and those of the rungs below it.

    Raises UserError for a name that is none.
    """
    if name not in NAMES:
        raise UserError(f"fidelity {shown(name)}: expected one of {', '.join(NAMES)}")
    rungs = LADDER if name == "ladder" else (name,)
    *below, top = [min(round(IMAGES[rung] / images, 2), EPOCHS[rung]) for rung in rungs]
    return top, tuple(below)
