from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.common.errors import UserError
from nas.train.recipe import DEFAULT, FALLS, Recipe


def test_a_recipe_is_changed_by_a_text() -> None:
    changed = DEFAULT.changed("lr=0.3, batch_size=256,mirror=no,cutout=0.5")
    assert changed == Recipe(lr=0.3, batch_size=256, mirror=False, cutout=0.5)
    assert changed.changed("mirror=yes").mirror


@given(
    lr=st.floats(1e-3, 10),
    batch_size=st.integers(2, 4096),
    mirror=st.booleans(),
    cutout=st.floats(0, 1),
    fall=st.sampled_from(FALLS),
)
def test_every_recipe_can_be_written(
    lr: float, batch_size: int, mirror: bool, cutout: float, fall: str
) -> None:
    recipe = Recipe(lr=lr, batch_size=batch_size, mirror=mirror, cutout=cutout, fall=fall)
    words = {True: "yes", False: "no"}
    text = ",".join(
        f"{name}={words[value] if isinstance(value, bool) else value}"
        for name, value in asdict(recipe).items()
    )
    assert DEFAULT.changed(text) == recipe


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rate=1", "rate"),
        ("lr", "lr"),
        ("lr=fast", "fast"),
        ("lr=0", "lr"),
        ("lr=1,lr=2", "lr=2"),
        ("batch_size=12.5", "12.5"),
        ("mirror=1", "mirror"),
        ("cutout=2", "cutout"),
        ("lr=nan", "lr"),
        ("fall=stairs", "linear or cosine"),
        ("ema=1", "ema"),
        ("", "expected"),
    ],
)
def test_what_is_none_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        DEFAULT.changed(text)
