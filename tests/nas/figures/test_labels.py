"""nas.figures.labels: labels cover nothing."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.figures.labels import Array, Point, Spot, place
from tests.examples import few

CORNER = st.tuples(st.floats(0, 500), st.floats(0, 400))


def boxes(texts: Sequence[str], anchors: Sequence[Point], spots: Sequence[Spot]) -> Array:
    """[labels, 4]: left, right, bottom, top of the labels, by the sizes that `place` assumes."""
    found = []
    for text, (x, y), spot in zip(texts, anchors, spots, strict=True):
        width, height = 7.2 * len(text), 16.0
        left = {"left": 0.0, "right": -width}.get(spot.side, -width / 2) + x + spot.dx
        bottom = {"bottom": 0.0, "top": -height}.get(spot.side, -height / 2) + y + spot.dy
        found.append((left, left + width, bottom, bottom + height))
    return np.array(found)


def overlapping(found: Array) -> bool:
    left, right, bottom, top = (found[:, i] for i in range(4))
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    along = np.minimum(top[:, None], top) - np.maximum(bottom[:, None], bottom)
    return bool(np.triu((across > 0.1) & (along > 0.1), 1).any())


@settings(max_examples=few(15), deadline=None)
@given(st.lists(CORNER, max_size=5), st.lists(CORNER, max_size=30))
def test_labels_keep_apart_and_inside_the_panel(anchors: list[Point], obstacles: list[Point]) -> None:
    texts = ["shufflenet_v1"] * len(anchors)
    spots = place(texts, anchors, (540.0, 410.0), obstacles)
    assert len(spots) == len(anchors)
    if spots:
        found = boxes(texts, anchors, spots)
        assert not overlapping(found)
        assert (found.min(axis=0)[[0, 2]] >= -0.1).all()
        assert (found.max(axis=0)[[1, 3]] <= (540.1, 410.1)).all()
