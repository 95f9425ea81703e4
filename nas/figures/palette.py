"""Colours: what a picture is drawn in by day, and what stands for it on a dark page.

Those of series are Okabe and Ito's, which colour-blind readers can tell apart, and lighter or darker shades of them.
"""

INK, FAINT, GRID, PAPER = "#222222", "#666666", "#e6e6e6", "white"
SERIES = ("#7a7a7a", "#e69f00", "#d55e00", "#cc79a7", "#56b4e9", "#009e73", "#222222")
"""Of lines that stand side by side."""


def darker(color: str, share: float = 0.7) -> str:
    """A colour of a marker, dark enough for text."""
    return "#" + "".join(f"{int(share * int(color[i : i + 2], 16)):02x}" for i in (1, 3, 5))


_NIGHTLY = {
    INK: "#e8eaed",
    FAINT: "#a3a9b1",
    GRID: "#33383f",
    PAPER: "#15181c",
    "#0072b2": "#56b4e9",
    "#8fb3d1": "#5d7f9e",
    "#9a6a3a": "#cfa06c",
    "#d55e00": "#f0844a",
    "#7a7a7a": "#a0a0a0",
    "#009e73": "#3cc99f",
    "#cc79a7": "#dc9cc0",
    "#e69f00": "#f0b93c",
    "rgba(255, 255, 255, 0.6)": "rgba(21, 24, 28, 0.6)",
}
DARK = {darker(color): _NIGHTLY.get(color, color) for color in SERIES} | _NIGHTLY
"""By the colour of the day, what it is at night; every other colour stays."""
ORDER = "Cividis"
"""The scale for what comes in an order: even to colour-blind eyes, dark to light."""


def variable(color: str) -> str:
    """A colour as CSS that follows the page's light: `var(--c-0072b2)` of one that changes, else itself."""
    return f"var({_name(color)})" if color in DARK else color


def variables(*, dark: bool) -> str:
    """The definitions of all variables, as CSS."""
    return " ".join(f"{_name(day)}: {night if dark else day};" for day, night in DARK.items())


def _name(color: str) -> str:
    return "--c-" + "".join(letter for letter in color if letter.isalnum())
