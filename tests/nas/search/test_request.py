"""nas.search.request: what is asked for becomes settings, with defaults only where nothing was said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.common.errors import UserError
from nas.search.request import Request
from nas.search.run import new_run
from nas.search.settings import Settings, space_of
from nas.train.fidelity import IMAGES
from search_spaces import spaces, zoo
from tests.nas.search.small import TINY

SMALL: dict[str, Any] = {"data": "digits", "baselines": "none", "target_resolution": 32, "target_classes": 10}


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY)
    return str(file)


def silent(message: str) -> None:
    pass


def asked(space: str, **changes: Any) -> Settings:
    return new_run(Request(**{**SMALL, "space": space, **changes}), silent)[0]


def test_options_are_named_as_on_the_command_line() -> None:
    request = Request("1MFLOPs", train_resolution=32, seed=0, skip_corrupt=False, minutes=3)
    assert sorted(request.given("minutes")) == ["--budget", "--seed", "--train-resolution"]
    assert Request().given() == []


def test_defaults(tiny: str) -> None:
    settings, data, table = new_run(Request(space=tiny, data="digits"), silent)
    assert settings.objectives == ("accuracy", "macs")
    assert (settings.target_resolution, settings.target_classes) == (224, 1000)
    assert 1 <= len(settings.baselines) <= 12 and set(settings.baselines) <= set(zoo.names())
    assert settings.confirm == 0.3
    assert (settings.seed, settings.granularity, settings.budgets) == (0, "stage", ())
    assert (settings.data_name, settings.fingerprint) == ("digits", data.fingerprint)
    assert settings.fidelity.epochs == 10.0  # digits is small
    assert table is None and settings.latency is None
    assert not settings.recipe.mirror  # a mirrored 2 is no 2


def test_what_is_asked_for_is_kept(tiny: str) -> None:
    settings = asked(
        tiny,
        budget=("1MFLOPs", "1MParams"),
        epochs=0.5,
        subset=0.25,
        train_resolution=16,
        granularity="block",
        objectives="accuracy, params",
        sampler="nsga2",
        seed=7,
        baselines="mobilenet_v2, mobilenext,mobilenet_v2",
        seed_baselines=True,
    )
    assert settings.budgets == ("1MFLOPs", "1MParams")
    fidelity = settings.fidelity
    assert (fidelity.epochs, fidelity.subset, fidelity.resolution) == (0.5, 0.25, 16)
    assert settings.objectives == ("accuracy", "params")
    assert (settings.sampler, settings.seed, settings.seed_baselines) == ("nsga2", 7, True)
    assert settings.baselines == ("mobilenet_v2", "mobilenext")
    assert space_of(settings).granularity == "block"


def test_epochs_follow_the_number_of_images_seen(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = len(new_run(Request(space=tiny, **SMALL), silent)[1].train())
    monkeypatch.setitem(IMAGES, "standard", 2 * images)
    assert asked(tiny).fidelity.epochs == 2.0
    assert asked(tiny, subset=0.5).fidelity.epochs == 4.0
    assert asked(tiny, fidelity="standard").fidelity.epochs == 2.0
    monkeypatch.setitem(IMAGES, "standard", 1)
    assert asked(tiny).fidelity.epochs == 1.2


def test_a_ladder_has_rungs(tiny: str) -> None:
    found = asked(tiny, fidelity="ladder")
    assert len(found.rungs) == 2
    assert found.rungs[0] < found.rungs[1] < found.fidelity.epochs


@pytest.mark.parametrize("word,names", [("small", zoo.SMALL), ("all", zoo.WIDE), ("none", ())])
def test_baselines_by_word(tiny: str, word: str, names: tuple[str, ...]) -> None:
    assert asked(tiny, baselines=word).baselines == names


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": ("300",)},
        {"budget": ("1kFLOPs",)},  # nothing is as cheap
        {"budget": ("1MFLOPs", "2MFLOPs")},
        {"epochs": 0.0},
        {"epochs": -1.0},
        {"epochs": float("nan")},
        {"subset": 0.0},
        {"subset": 1.5},
        {"train_resolution": 0},
        {"train_resolution": "64x"},
        {"target_resolution": "64x4"},
        {"fit": "squeeze"},
        {"train_resolution": 4},
        {"train_resolution": 2000},
        {"target_resolution": 0},
        {"target_classes": 0},
        {"data": ""},
        {"data": "nonsense"},
        {"data": "folder:"},
        {"data": "folder:/nowhere/at/all"},
        {"space": ""},
        {"space": "nonsense"},
        {"space": "nowhere.yaml"},
        {"granularity": ""},
        {"granularity": "net"},
        {"objectives": ""},
        {"objectives": "accuracy"},
        {"latency_table": "nowhere.json"},
        {"latency_table": "nothing-of-that-name"},
        {"budget": ("15ms",), "latency_table": "nowhere.json"},
        {"sampler": ""},
        {"sampler": "cmaes"},
        {"baselines": ""},
        {"baselines": "resnet50"},
        {"seed": -1},
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_and_never_replaced(tiny: str, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        asked(**{"space": tiny, **changes})


def test_what_is_wrong_in_a_space_file_is_said_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(TINY.replace("kernel: [3, 5]", "kernel: [4]"))
    with pytest.raises(UserError, match=r"odd\.yaml.*kernel"):
        asked(str(file))


def test_a_run_keeps_its_space_when_the_file_changes(tiny: str) -> None:
    settings = asked(tiny)
    before = space_of(settings)
    Path(tiny).write_text("something else")
    assert space_of(settings) == before == spaces.parse(TINY)


def test_a_folder_is_remembered_by_its_full_path(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            folder = tmp_path / "pets" / part / label
            folder.mkdir(parents=True)
            for number in range(4):
                Image.fromarray(rng.integers(0, 255, (9, 9, 3), np.uint8)).save(folder / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    settings = asked(tiny, data="folder:pets")
    assert settings.data == f"folder:{tmp_path / 'pets'}"
    assert settings.data_name == "pets"
    assert settings.recipe.mirror
    monkeypatch.chdir("/")
    assert settings.reload(None, silent).fingerprint == settings.fingerprint


def test_other_data_than_the_runs_are_refused(tiny: str) -> None:
    settings = asked(tiny)
    assert settings.reload(None, silent).fingerprint == settings.fingerprint
    with pytest.raises(UserError, match="f00d"):
        replace(settings, fingerprint="f00d").reload(None, silent)


def test_a_recipe_is_changed_where_it_is_asked(tiny: str) -> None:
    settings = asked(tiny, recipe="lr=0.3,cutout=0.5")
    assert (settings.recipe.lr, settings.recipe.cutout, settings.recipe.mirror) == (0.3, 0.5, False)
    assert asked(tiny, recipe="mirror=yes").recipe.mirror  # said so: digits are not mirrored otherwise
    assert Settings.from_json(settings.to_json()) == settings
    with pytest.raises(UserError, match="rate"):
        asked(tiny, recipe="rate=1")
