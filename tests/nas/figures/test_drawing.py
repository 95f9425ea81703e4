"""nas.figures.drawing: the texts in diagrams."""

from hypothesis import given
from hypothesis import strategies as st

from nas.figures.drawing import shorten


@given(st.text())
def test_shortened_text_is_one_short_line(text: str) -> None:
    assert len(shorten(text)) <= 48
    assert "\n" not in shorten(text)
