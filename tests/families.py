"""The networks of the zoo for tests: one of each family on every day, all of them among the slow ones."""

import pytest

from search_spaces import zoo

_VARIANTS = ("_minimalistic", "_reduced_tail", "_id2", "_id3", "_id4")
FAMILIES = tuple(name for name in zoo.ZOO if not name.endswith(_VARIANTS))
"""Every entry that is no variant of another by an option."""
ENTRIES = [
    pytest.param(name, id=name, marks=() if name in FAMILIES else pytest.mark.slow) for name in zoo.ZOO
]
"""For `pytest.mark.parametrize`: all entries, the variants slow."""
