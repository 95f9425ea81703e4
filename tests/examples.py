"""How many examples hypothesis tries: all of them where the whole suite runs, a third in the everyday part."""

import os

EVERYDAY = os.environ.get("NAS_TESTS_EVERYDAY") == "1"
"""Set by conftest.py, before a test module is read, from the marks that were asked for."""


def few(count: int) -> int:
    """So many examples, or a third of them."""
    return max(count // 3, 1) if EVERYDAY else count
