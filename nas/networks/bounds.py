"""How large a network may be: asked before anything of it is built, of its counts alone, which take no memory."""

from nas.common.errors import UserError, shown
from nas.common.sizes import Rectangle, Size, sides, told

MOST_PARAMS = 250_000_000
"""Of a network of ours: a gigabyte at float32, four while it is trained. The largest of the zoo has 11 million."""
MOST_ACTIVATIONS = 1_000_000_000
"""Numbers that its layers put out for one image: four gigabytes at float32."""
MOST_CLASSES = 1_000_000
MOST_PIXELS = 1_000_000
"""Of a side."""
MOST_CHANNELS = 1_000_000


def check_target(resolution: Size, num_classes: int, channels: int = 3) -> None:
    """Raise UserError for what no network can be built or counted for: sides in pixels, classes, channels of images."""
    square = resolution.__class__ is int  # asked for thousands of times a second
    if not (square or isinstance(resolution, Rectangle)) or not all(
        1 <= side <= MOST_PIXELS for side in sides(resolution)
    ):
        raise UserError(f"resolution is {shown(resolution)}, expected sides of 1 to {MOST_PIXELS} pixels")
    if not 1 <= num_classes <= MOST_CLASSES:
        raise UserError(
            f"num_classes is {shown(num_classes)}, expected at least 1 and at most {MOST_CLASSES}"
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise UserError(f"images of {shown(channels)} channels: expected 1 to {MOST_CHANNELS}")


def check_numbers(params: int, activations: int, resolution: Size) -> None:
    """Raise UserError where a network, or a part of one, of so many parameters and activations is not to be built."""
    if params > MOST_PARAMS:
        raise UserError(
            f"{params:,} parameters are too many to build (at most {MOST_PARAMS:,}): take smaller widths or fewer "
            "classes"
        )
    if activations > MOST_ACTIVATIONS:
        raise UserError(
            f"an image of {told(resolution)} takes {activations:,} activations, too many to build (at most "
            f"{MOST_ACTIVATIONS:,}): take smaller widths or a smaller resolution"
        )
