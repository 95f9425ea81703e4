"""The one exception that means: what was asked for cannot be done, and here is why; and how values stand in it."""

import reprlib


class UserError(ValueError):
    """Input that cannot be used. The message names the value, what was expected and what to do.

    Commands print it as a single line on stderr and end with exit code 2.
    """


def briefly(said: object, most: int = 200) -> str:
    """The words of an error, or of anything that is to be named in a message, on one line of so many characters."""
    words = " ".join(str(said).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def shown(value: object) -> str:
    """A value that was given, as it is named in a message: at most some 200 characters, however large it is.

    Plain values are as `repr` has them; of long ones, and of what is nested, the beginning stands for all.
    """
    try:
        return briefly(_SHORT.repr(value), 300)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = _SHORT.maxfrozenset = 8
_SHORT.maxstring = _SHORT.maxother = 160
_SHORT.maxlong = 60
