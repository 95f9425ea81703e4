"""What the points of runs bring with them to other commands."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.common.errors import UserError
from nas.common.sizes import Rectangle
from nas.engine.regime import bringing
from nas.engine.terms import Terms
from nas.search.price import Price
from nas.search.record import create_run
from nas.train.recipe import Fidelity, Recipe
from tests.nas.search.small import settings

COST = Price(9, 9, 9)


def a_run(folder: Path, **changes: Any) -> str:
    """RUN@0 of a run with these settings."""
    record = create_run(folder, None, settings(**changes), {})
    record.launch("stem8-ir8_t1-head32", COST, {}, {})
    return f"{folder}@0"


def test_a_point_brings_its_data_pixels_split_and_recipe(tmp_path: Path) -> None:
    recipe = Recipe(lr=0.25, mirror=False)
    point = a_run(
        tmp_path / "run",
        data="folder:/flowers",
        split="0.8/0.1/0.1",
        skip_corrupt=True,
        recipe=recipe,
        fidelity=Fidelity(1.0, 1.0, Rectangle(48, 96)),
        fit="pad",
    )
    terms = bringing(Terms(), [point, "mobilenet_v2"])
    assert (terms.data, terms.split, terms.skip_corrupt) == ("folder:/flowers", "0.8/0.1/0.1", True)
    assert (terms.train_resolution, terms.fit) == (Rectangle(48, 96), "pad")
    assert terms.recipe is not None and Recipe().changed(terms.recipe) == recipe
    assert bringing(Terms(fit="crop"), [point]).fit == "crop"


def test_what_is_given_stays(tmp_path: Path) -> None:
    point = a_run(tmp_path / "run", data="folder:/flowers", recipe=Recipe(lr=0.25, momentum=0.5))
    assert bringing(Terms(data="digits"), [point]) == Terms(data="digits")
    terms = bringing(Terms(recipe="lr=0.1", train_resolution=64), [point])
    assert terms.train_resolution == 64 and terms.recipe is not None
    assert Recipe().changed(terms.recipe) == Recipe(lr=0.1, momentum=0.5)


def test_class_weights_that_are_asked_for_replace_those_of_the_run(tmp_path: Path) -> None:
    point = a_run(tmp_path / "run", recipe=Recipe(class_weights=True))
    for asked, weighted in ((None, True), ("none", False), ("balanced", True)):
        terms = bringing(Terms(class_weights=asked), [point])
        assert Recipe().wanted(terms.recipe, terms.class_weights).class_weights == weighted


def test_other_networks_bring_nothing() -> None:
    assert bringing(Terms(), ["mobilenet_v2", "stem8-ir8_t1-head32", "torchvision:vgg16"]) == Terms()


def test_points_of_runs_on_different_data_need_a_word(tmp_path: Path) -> None:
    one, other = (a_run(tmp_path / name, fingerprint=name) for name in ("one", "other"))
    with pytest.raises(UserError, match="--data"):
        bringing(Terms(), [one, other])
    assert bringing(Terms(data="digits"), [one, other]).data == "digits"
    assert bringing(Terms(), [one, one]).data == "digits"


recipes = st.builds(
    Recipe,
    lr=st.floats(1e-6, 10.0),
    clip=st.floats(0.0, 9.0),
    batch_size=st.integers(2, 999),
    mirror=st.booleans(),
    cutout=st.floats(0.0, 1.0),
)


@given(recipes)
def test_a_recipe_is_read_back_from_what_is_told(recipe: Recipe) -> None:
    told = recipe.told("mirror")
    assert "mirror=" in told and Recipe().changed(told) == recipe
    assert Recipe(mirror=not recipe.mirror).changed(told).mirror == recipe.mirror


def test_a_point_brings_its_folds_and_that_duplicates_are_dropped(tmp_path: Path) -> None:
    point = a_run(tmp_path / "run", folds=4, drop_duplicates=True)
    terms = bringing(Terms(), [point])
    assert (terms.folds, terms.drop_duplicates) == (4, True)
    assert bringing(Terms(folds=2), [point]).folds == 2


def test_a_point_brings_the_share_of_the_images_that_it_was_trained_on(tmp_path: Path) -> None:
    point = a_run(tmp_path / "run", data="folder:/flowers", fidelity=Fidelity(1.0, 0.5))
    assert bringing(Terms(), [point]).subset == 0.5 and bringing(Terms(subset=1.0), [point]).subset == 1.0
