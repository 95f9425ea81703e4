"""The exception for unusable input, under the engine's own name (it is raised by the bricks already)."""

from blocks.errors import UserError, briefly, shown

__all__ = ["UserError", "briefly", "require", "shown"]


def require(holds: bool, name: str, value: object, expected: str) -> None:
    """Raise UserError naming the value and what was expected, unless it holds."""
    if not holds:
        raise UserError(f"{name} {shown(value)}: expected {expected}")
