"""The language of architectures: `Arch` and its text, the spaces, the zoo of hand-designed networks."""

from blocks import UserError
from search_spaces import spaces, zoo
from search_spaces.arch import Arch
from search_spaces.space import Space

__all__ = ["Arch", "Space", "resolve", "spaces", "zoo"]


def resolve(text: str) -> Arch:
    """The arch of a zoo name (`mobilenet_v3_small_x0.5`) or of an arch's text (`stem16-ir24_t4-...`).

    Raises UserError as `zoo.get` and `Arch.parse` do.
    """
    if "-" in text or text.startswith("stem"):
        return Arch.parse(text.strip())
    try:
        return zoo.get(text.strip())
    except UserError as error:
        raise UserError(f"{error}; or give an arch's text, such as {zoo.get('mobilenet_v3_small')}") from None
