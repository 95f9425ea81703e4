"""The line below what a running command prints: drawn anew in a terminal, a tail of each line where output is piped."""

from rich.console import Console
from rich.live import Live
from rich.text import Text


class StatusLine:
    """Prints what has happened and, in a terminal, keeps one line of what is going on below it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.live = (
            Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        )

    def start(self, line: str) -> None:
        """Begin to draw, in a terminal."""
        if self.live:
            self.live.start()
            self.live.update(_line(line), refresh=True)

    def stop(self) -> None:
        """Take the line away."""
        if self.live:
            self.live.stop()

    def show(self, line: str) -> None:
        """What is going on now."""
        if self.live:
            self.live.update(_line(line))

    def say(self, text: str, summary: str) -> None:
        """Print that something has happened; the summary stands in the line below, else at its end."""
        if self.live:
            self.live.console.print(Text(text), soft_wrap=True)
        else:
            self._console.print(Text(f"{text} | {summary}"), soft_wrap=True)


def time_left(seconds: float | None) -> str:
    """So many seconds as `3:20 left`."""
    if seconds is None:
        return "time left unknown"
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02d} left"


def _line(text: str) -> Text:
    return Text(text, overflow="ellipsis", no_wrap=True)
