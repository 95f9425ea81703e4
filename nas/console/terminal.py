"""What comes to a terminal or a pipe: text, and nothing that moves a cursor, hides or turns around what stands there.

Names of data sets, classes, images and runs are given by whoever made them.
"""

import sys
import unicodedata

_KEPT = "\n\t"
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
"""Of Unicode's signs those that turn the direction of what follows, or break a line."""


def printable(text: str) -> str:
    """The text with what a terminal would obey, and not show, written as Python writes it: \\x1b for an escape."""
    if text.isprintable():
        return text
    return "".join(_sign(one) for one in text)


def _sign(one: str) -> str:
    obeyed = one in _TURNING or unicodedata.category(one) in ("Cc", "Cs")
    return one.encode("unicode_escape").decode("ascii") if obeyed and one not in _KEPT else one


def say(text: object = "", *, err: bool = False) -> None:
    """Print a line, or several, on standard output or standard error, and at once."""
    print(printable(str(text)), file=sys.stderr if err else sys.stdout, flush=True)
