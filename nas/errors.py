"""The exception for unusable input, under the engine's own name (it is raised by the bricks already)."""

from blocks.errors import UserError

__all__ = ["UserError"]
