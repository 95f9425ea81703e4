"""nas.train.keeping: a training that goes on from its file ends with the same weights to the bit."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nas.common.errors import UserError
from nas.train.keeping import VERSION, Keeper
from nas.train.trainer import Fidelity, Progress, Recipe, evaluate, train
from tests.nas.train.test_trainer import SIDE, problem, same, small_net

LENGTH = Fidelity(epochs=3, resolution=SIDE)
AVERAGED = Recipe(ema=0.9, fall="cosine", cutout=0.25)


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Cut(Exception):
    """The end by force."""


def trained(
    keeper: Keeper | None, stop: int = 99, recipe: Recipe = AVERAGED, seed: int = 0
) -> dict[str, Tensor]:
    """The weights after a training, which is cut off at a report."""
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == stop:
            raise Cut

    net = small_net(seed, dropout=0.3)
    train(net, problem(96), LENGTH, recipe, reports=3, report=report, keeper=keeper)
    return net.state_dict()


@pytest.mark.parametrize("best", [False, True])
@pytest.mark.parametrize("stop", [1, 2, 3])
@pytest.mark.parametrize("recipe", [Recipe(), AVERAGED, Recipe(momentum=0.0, statistics_until=0)])
def test_a_training_that_was_cut_off_ends_as_one_that_was_not(
    tmp_path: Path, recipe: Recipe, stop: int, best: bool
) -> None:
    whole = trained(Keeper(tmp_path / "whole.pt", "it", best=best), recipe=recipe)
    assert best or same(whole, trained(None, recipe=recipe))
    with pytest.raises(Cut):
        trained(Keeper(tmp_path / "state.pt", "it", best=best), stop, recipe)
    # The weights drawn at the start play no part any more.
    assert same(whole, trained(Keeper(tmp_path / "state.pt", "it", best=best), recipe=recipe, seed=5))


def test_so_does_one_that_was_cut_off_within_an_epoch(tmp_path: Path) -> None:
    looked: list[int] = []

    def look(done: int, steps: int) -> None:
        looked.append(done)
        if len(looked) == 2:
            raise Cut

    file, fidelity = tmp_path / "state.pt", Fidelity(epochs=12, resolution=SIDE)

    def run(keeper: Keeper | None) -> dict[str, Tensor]:
        net = small_net(dropout=0.3)
        train(net, problem(96), fidelity, AVERAGED, reports=1, keeper=keeper)
        return net.state_dict()

    with pytest.raises(Cut):
        run(Keeper(file, "it", every=0.0, looked=look))
    assert torch.load(file, weights_only=True)["stepper"]["done"] == looked[0] == 20
    assert same(run(None), run(Keeper(file, "it")))


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    net, data = small_net(), problem(96)
    # At such a rate a later report is worse than an earlier one.
    recipe = Recipe(lr=3.0, warmup=0.0, clip=0.0, min_steps=0, statistics_until=0, batch_size=16)
    seen: list[Progress] = []
    keeper = Keeper(tmp_path / "state.pt", "it", best=True)
    outcome = train(net, data, Fidelity(3, 1.0, SIDE), recipe, reports=9, report=seen.append, keeper=keeper)
    accuracies = [one.accuracy for one in seen]
    assert accuracies[-1] < max(accuracies) == outcome.accuracy == evaluate(net, data.validation(), data)


def test_averaged_weights_are_what_is_evaluated_and_left(tmp_path: Path) -> None:
    net, data = small_net(), problem(96)
    recipe = Recipe(ema=0.95, statistics_until=0)
    outcome = train(net, data, LENGTH, recipe)
    assert outcome.accuracy == evaluate(net, data.validation(), data)
    assert not same(net.state_dict(), trained(None, recipe=Recipe(statistics_until=0)))


class Malicious:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("harm"),))


def damage(file: Path, how: str) -> None:
    whole = file.read_bytes()
    if how == "truncated":
        file.write_bytes(whole[: len(whole) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "malicious":
        file.write_bytes(pickle.dumps(Malicious(), protocol=2))
    elif how == "malicious zip":
        torch.save({"version": 1, "of": Malicious()}, file)
    else:
        state = torch.load(file, weights_only=True)
        if how == "newer":
            state["version"] = VERSION + 1
        elif how == "another's":
            state["of"] = "another"
        elif how == "another network":
            state["stepper"]["model"]["0.weight"] = torch.zeros(3)
        elif how == "other images":
            state["stepper"]["batches"]["queue"] = torch.tensor([10_000])
        else:
            del state["stepper"]["momenta"]
        torch.save(state, file)


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ("truncated", "cannot be read"),
        ("empty", "cannot be read"),
        ("malicious", "cannot be read"),
        ("malicious zip", "cannot be read"),
        ("newer", "newer version"),
        ("another's", "another training"),
        ("another network", "does not fit"),
        ("other images", "does not fit"),
        ("missing", "does not fit"),
    ],
)
def test_a_file_that_is_none_is_refused(
    tmp_path: Path, how: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "state.pt"
    with pytest.raises(Cut):
        trained(Keeper(file, "it"), 1)
    damage(file, how)
    with pytest.raises(UserError, match=named) as refused:
        trained(Keeper(file, "it"))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "harm").exists()


def test_a_state_of_before_an_option_came_is_of_the_same_training(tmp_path: Path) -> None:
    old, new = (
        '{"lr": 0.4, "recipe": {"ema": 0.0}}',
        '{"lr": 0.4, "patience": 0, "recipe": {"ema": 0.0, "zoom": 0.0}}',
    )
    with pytest.raises(Cut):
        trained(Keeper(tmp_path / "state.pt", old), 1)
    trained(Keeper(tmp_path / "state.pt", new))
    for other in (new.replace("0.4", "0.3"), '{"lr": 0.4}', "it"):
        with pytest.raises(UserError, match="another training"):
            trained(Keeper(tmp_path / "state.pt", other))


def test_it_is_known_how_long_nothing_was_better(tmp_path: Path) -> None:
    keeper, net = Keeper(tmp_path / "state.pt", "it"), small_net()
    stale = []
    for accuracy in (0.2, 0.5, 0.5, 0.4, 0.6, 0.1):
        keeper.judged(net, accuracy)
        stale.append(keeper.stale)
    assert stale == [0, 0, 1, 2, 0, 1]
