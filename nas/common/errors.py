"""The exception for unusable input, under the engine's own name (it is raised by the bricks already)."""

from blocks.errors import UserError

__all__ = ["UserError", "briefly", "require"]


def briefly(said: object, most: int = 200) -> str:
    """The words of an error, or of anything that is to be named in a message, on one line of so many characters."""
    words = " ".join(str(said).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def require(holds: bool, name: str, value: object, expected: str) -> None:
    """Raise UserError naming the value and what was expected, unless it holds."""
    if not holds:
        raise UserError(f"{name} {value!r}: expected {expected}")
