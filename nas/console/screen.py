"""rich's console for what is foreign: apart from `terminal`, because rich takes its time, which no help needs."""

from collections.abc import Iterable

from rich.console import Console
from rich.segment import Segment

from nas.console.terminal import printable


class SafeConsole(Console):
    """rich's console, whose own signs alone are obeyed."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        plain = (one if one.control else Segment(printable(one.text), one.style) for one in buffer)
        return super()._render_buffer(plain)
