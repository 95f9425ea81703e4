from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nas.common.errors import UserError
from nas.kernels import library
from nas.kernels.compute import Compute
from nas.train import trainer as training
from nas.train.batches import stratified
from nas.train.recipe import FALLS, schedule
from nas.train.stepping import weight_groups
from nas.train.trainer import (
    Fidelity,
    Outcome,
    Progress,
    Recipe,
    TrainingFailed,
    evaluate,
    find_device,
    seed_everything,
    train,
)

if TYPE_CHECKING:
    from nas.data.dataset import Dataset, Split

SIDE = 16
DEFAULT = Recipe()
BRIEF = Fidelity(epochs=1, resolution=SIDE)


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """What the promise of bit-equal runs asks for, and kinder to a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Pixels:
    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]


@dataclass(frozen=True)
class InMemory:
    """As much of a `nas.data.dataset.Dataset` as training asks for."""

    training: Pixels
    checking: Pixels
    name: str = "synthetic"
    resolution: int = SIDE
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = field(default=(0.25, 0.25, 0.25))

    def train(self) -> Pixels:
        return self.training

    def validation(self) -> Pixels:
        return self.checking


def bars(count: int, seed: int, classes: int = 4) -> Pixels:
    """Noise with a brighter horizontal band, whose height is the class: mirroring does no harm."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = chance.integers(0, 150, (count, SIDE, SIDE, 3))
    for image, label in zip(images, labels, strict=True):
        image[label * 4 : label * 4 + 3] += 90
    images = images.astype(np.uint8)
    images.setflags(write=False)  # as a memory map is
    return Pixels(images, labels.astype(np.int64))


def as_data(data: InMemory) -> Dataset:
    return cast("Dataset", data)


def problem(count: int = 256) -> Dataset:
    return as_data(InMemory(bars(count, seed=0), bars(80, seed=1)))


def small_net(seed: int = 0, dropout: float = 0.0) -> nn.Sequential:
    seed_everything(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8, momentum=0.01),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(16 * (SIDE // 4) ** 2, 4),
    )


def weights_after(data: Dataset, fidelity: Fidelity = BRIEF, **options: Any) -> dict[str, Tensor]:
    net = small_net(dropout=0.3)
    train(net, data, fidelity, **options)
    return net.state_dict()


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


# ------------------------------------------------------------------------------------------ learning


def test_a_separable_problem_is_learnt() -> None:
    net = small_net()
    data = problem()
    outcome = train(net, data, Fidelity(epochs=8, resolution=SIDE))
    assert outcome.accuracy > 0.9  # chance is 0.25
    assert evaluate(net, data.validation(), data) == outcome.accuracy
    assert outcome.loss < 1.0  # the smoothed loss of guessing is log 4 = 1.39
    assert outcome.images == outcome.steps * 16


def test_small_data_are_learnt_in_few_epochs_too() -> None:
    assert train(small_net(), problem(200), Fidelity(epochs=5, resolution=SIDE)).accuracy > 0.7


def test_the_model_is_left_as_promised() -> None:
    net = small_net()
    train(net, problem(64), BRIEF, Recipe(batch_norm_momentum=0.2))
    assert not any(module.training for module in net.modules())
    assert cast(nn.BatchNorm2d, net[1]).momentum == 0.2
    assert cast(nn.Conv2d, net[3]).weight.is_contiguous(memory_format=torch.channels_last)
    assert all(p.grad is None or torch.isfinite(p).all() for p in net.parameters())


# ------------------------------------------------------------------------------------------- chance


def test_one_seed_gives_one_result_whatever_the_global_states() -> None:
    data = problem(96)
    np.random.seed(1)  # noqa: NPY002
    first = weights_after(data, seed=3)
    np.random.seed(2)  # noqa: NPY002
    net = small_net(dropout=0.3)
    torch.manual_seed(12345)
    train(net, data, BRIEF, seed=3)
    assert same(first, net.state_dict())
    assert not same(first, weights_after(data, seed=4))


def test_a_run_repeats_though_its_first_steps_measured_how_to_compute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path))  # nothing is known of this machine yet

    def weights() -> dict[str, Tensor]:
        net = small_net(dropout=0.3)
        net.insert(3, nn.Conv2d(8, 8, 5, 1, 2, groups=8, bias=False))
        train(net, problem(64), BRIEF)
        return net.state_dict()

    first = weights()
    assert library.load() is None or any(tmp_path.rglob("depthwise-*.json"))
    assert same(first, weights())


@pytest.mark.parametrize("plain", [{"own_gradients": False}, {"folded": False}, {"channels_last": False}])
def test_how_it_is_computed_hardly_matters(plain: dict[str, bool]) -> None:
    usual = weights_after(problem(64), compute=Compute(bf16=False))
    other = weights_after(problem(64), compute=Compute(bf16=False, **plain))
    for name, value in usual.items():
        torch.testing.assert_close(other[name], value, rtol=1e-3, atol=1e-4)


def test_global_states_are_given_back() -> None:
    net = small_net(dropout=0.3)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(net, problem(64), BRIEF)
    assert torch.equal(torch.rand(3), expected)


def test_neither_validation_images_nor_reports_touch_the_weights() -> None:
    clean = InMemory(bars(96, seed=0), bars(40, seed=1))
    poison = Pixels(np.full((40, SIDE, SIDE, 3), 255, np.uint8), np.zeros(40, np.int64))
    first = weights_after(as_data(clean), reports=4)
    assert same(first, weights_after(as_data(replace(clean, checking=poison)), reports=4))
    assert same(first, weights_after(as_data(clean), reports=1))


# ------------------------------------------------------------------------------------------ reports


@pytest.mark.parametrize("count", [1, 3, 4])
def test_reports_come_at_equal_shares(count: int) -> None:
    seen: list[Progress] = []
    outcome = train(small_net(), problem(256), BRIEF, reports=count, report=seen.append)
    assert [progress.share for progress in seen] == [n / count for n in range(1, count + 1)]
    assert tuple(seen) == outcome.curve
    assert (seen[-1].accuracy, seen[-1].loss, seen[-1].seconds) == (
        outcome.accuracy,
        outcome.loss,
        outcome.seconds,
    )
    assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)
    assert all(0 <= p.accuracy <= 1 for p in seen)


def test_there_are_no_more_reports_than_steps() -> None:
    outcome = train(small_net(), problem(32), BRIEF, reports=7)
    assert outcome.steps == 2
    assert len(outcome.curve) == 2
    assert outcome.curve[-1].share == 1


def test_reports_are_made_at_their_steps() -> None:
    steps = 0

    def count_step(module: nn.Module, _: object) -> None:
        nonlocal steps
        steps += module.training

    net = small_net()
    net.register_forward_pre_hook(count_step)
    at: list[int] = []
    train(net, problem(256), BRIEF, reports=4, report=lambda _: at.append(steps))
    assert at == [4, 8, 12, 16]


def test_the_callers_time_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def work() -> float:
        nonlocal now
        now += 1
        return now

    def dawdle(_: Progress) -> None:
        nonlocal now
        now += 1000

    monkeypatch.setattr(training, "time", types.SimpleNamespace(perf_counter=work))
    assert train(small_net(), problem(64), BRIEF, reports=4, report=dawdle).seconds < 100


def test_what_a_report_raises_ends_the_training() -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small_net(), problem(64), BRIEF, report=stop)


# ----------------------------------------------------------------------------------------- schedule

fractions = st.floats(0.01, 30)


@settings(deadline=None)
@given(epochs=fractions, images=st.integers(2, 60_000), batch=st.sampled_from([2, 100, 128, 1024]))
def test_steps_and_batches(epochs: float, images: int, batch: int) -> None:
    plan = schedule(Recipe(batch_size=batch), Fidelity(epochs), images)
    assert 2 <= plan.batch_size <= min(batch, images)
    assert plan.steps >= 1
    assert abs(plan.steps - epochs * images / plan.batch_size) <= 1
    assert plan.lr == pytest.approx(Recipe().lr * (plan.batch_size / batch) ** 0.5)


@pytest.mark.parametrize(
    ("epochs", "images", "steps", "batch"),
    [
        (0.4, 45_000, 141, 128),
        (1.2, 45_000, 422, 128),
        (10, 1293, 202, 64),
        (2, 1293, 162, 16),
        (0.5, 20, 1, 16),
    ],
)
def test_small_data_get_smaller_batches(epochs: float, images: int, steps: int, batch: int) -> None:
    plan = schedule(Recipe(), Fidelity(epochs), images)
    assert (plan.steps, plan.batch_size) == (steps, batch)


@settings(deadline=None)
@given(
    epochs=fractions,
    images=st.integers(16, 5000),
    warmup=st.sampled_from([0.0, 0.2, 0.5]),
    fall=st.sampled_from(FALLS),
)
def test_the_learning_rate_rises_then_falls_to_nought(
    epochs: float, images: int, warmup: float, fall: str
) -> None:
    plan = schedule(Recipe(warmup=warmup, fall=fall), Fidelity(epochs), images)
    rates = np.array([plan.learning_rate(step) for step in range(plan.steps)])
    assert (rates > 0).all()
    assert (rates <= plan.lr).all()
    top = int(rates.argmax())
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top + 1 :]) < 0).all()
    assert abs(top - warmup * plan.steps) <= 1
    if (
        plan.steps > 1 and fall == "linear"
    ):  # a line that reaches 0 at the end of the last step, half a step on
        assert rates[-1] == pytest.approx(plan.lr / plan.steps * 0.5 / (1 - warmup))
    if plan.steps > 100:
        assert rates.max() > 0.97 * plan.lr
        assert warmup == 0 or rates[0] < 0.1 * plan.lr


def test_weights_alone_decay() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.PReLU(4), nn.Conv1d(4, 4, 1), nn.Linear(4, 2)
    )
    cast(nn.Linear, net[4]).bias.requires_grad_(False)
    decayed, plain = weight_groups(net, 5e-4)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    assert {names[id(p)] for p in cast("list[Tensor]", decayed["params"])} == {
        "0.weight",
        "3.weight",
        "4.weight",
    }
    expected = {"0.bias", "1.weight", "1.bias", "2.weight", "3.bias"}
    assert {names[id(p)] for p in cast("list[Tensor]", plain["params"])} == expected
    assert (decayed["weight_decay"], plain["weight_decay"]) == (5e-4, 0)


# ------------------------------------------------------------------------------------- what is shown


class Recorder(nn.Module):
    """Keeps what it is shown in training mode, as uint8 [N, H, W, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(4))
        self.batches: list[Tensor] = []
        self.evaluated = 0

    def forward(self, images: Tensor) -> Tensor:
        assert images.is_contiguous(memory_format=torch.channels_last)
        if self.training:
            self.batches.append(((images * 0.25 + 0.5) * 255).round().to(torch.uint8).permute(0, 2, 3, 1))
        else:
            self.evaluated += len(images)
        return self.scores.expand(len(images), -1)


def shown(
    data: Dataset, recipe: Recipe = DEFAULT, fidelity: Fidelity = BRIEF, **options: Any
) -> list[Tensor]:
    recorder = Recorder()
    train(recorder, data, fidelity, recipe, **options)
    return recorder.batches


def keys(images: Any) -> list[bytes]:
    return [np.ascontiguousarray(image).tobytes() for image in np.asarray(images)]


def test_each_image_once_an_epoch_as_it_is() -> None:
    data = problem(96)
    batches = shown(data, Recipe(mirror=False))
    assert sorted(keys(torch.cat(batches))) == sorted(keys(data.train().images))
    assert {len(batch) for batch in batches} == {16}


def test_epochs_follow_without_a_gap_and_in_new_order() -> None:
    data = problem(40)  # two and a half batches an epoch
    batches = shown(data, Recipe(mirror=False, shift_from=99), replace(BRIEF, epochs=4))
    assert {len(batch) for batch in batches} == {16}
    seen = keys(torch.cat(batches))
    epochs = [seen[start : start + 40] for start in range(0, 160, 40)]
    assert all(sorted(epoch) == sorted(keys(data.train().images)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_half_of_the_images_are_mirrored() -> None:
    data = problem(400)
    images = keys(torch.cat(shown(data)))
    plain = set(keys(data.train().images))
    mirrored = set(keys(data.train().images[:, :, ::-1]))
    assert all(image in plain | mirrored for image in images)
    assert 140 < sum(image in mirrored for image in images) < 260


def test_the_images_shown_do_not_depend_on_the_network() -> None:
    class Dicing(Recorder):
        def forward(self, images: Tensor) -> Tensor:
            torch.rand(len(self.batches) + 1)
            return super().forward(images)

    data = problem(96)
    dicing = Dicing()
    train(dicing, data, replace(BRIEF, epochs=2))
    plain = shown(data, fidelity=replace(BRIEF, epochs=2))
    assert all(torch.equal(left, right) for left, right in zip(plain, dicing.batches, strict=True))


def test_images_are_shifted_in_long_schedules_only() -> None:
    data = problem(64)
    recipe = Recipe(mirror=False, shift_from=3)
    plain = set(keys(data.train().images))
    assert set(keys(torch.cat(shown(data, recipe, replace(BRIEF, epochs=2.9))))) <= plain
    long = torch.cat(shown(data, recipe, replace(BRIEF, epochs=3)))
    padded = np.pad(data.train().images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    windows = {key for y in range(5) for x in range(5) for key in keys(padded[:, y : y + SIDE, x : x + SIDE])}
    assert set(keys(long)) <= windows
    assert 0 < len(set(keys(long)) & plain) < len(plain)


def test_labels_stay_with_their_images() -> None:
    split = bars(64, seed=0, classes=4)
    flat = np.repeat(split.labels, SIDE * SIDE * 3).reshape(split.images.shape).astype(np.uint8)

    class Reader(nn.Module):
        """Says what is written in the picture: right every time, unless labels and images part."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(20.0))

        def forward(self, images: Tensor) -> Tensor:
            label = ((images[:, 0, 0, 0] * 0.25 + 0.5) * 255).round().long()
            return self.scale * nn.functional.one_hot(label, 4)

    data = InMemory(replace(split, images=flat), replace(split, images=flat))
    outcome = train(
        Reader(), as_data(data), replace(BRIEF, epochs=3), Recipe(label_smoothing=0, shift_from=0)
    )
    assert outcome.accuracy == 1
    assert outcome.loss < 1e-3


# ------------------------------------------------------------------------------------------- subset


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 9),
)
def test_a_subset_holds_its_share_of_each_class(sizes: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = stratified(labels, share, seed)
    assert torch.equal(rows, stratified(labels, share, seed))
    assert len(set(rows.tolist())) == len(rows)
    counts = np.bincount(labels[rows.numpy()], minlength=len(sizes))
    assert counts.tolist() == [max(1, round(share * size)) for size in sizes]


def test_subsets_of_two_seeds_differ_and_the_whole_is_the_whole() -> None:
    labels = np.arange(400) % 4
    assert not torch.equal(stratified(labels, 0.5, 0), stratified(labels, 0.5, 1))
    assert torch.equal(stratified(labels, 1.0, 0), torch.arange(400))


def test_images_outside_the_subset_are_not_used() -> None:
    half = replace(BRIEF, subset=0.5)
    clean = InMemory(bars(96, seed=0), bars(40, seed=1))
    rows = stratified(clean.training.labels, 0.5, seed=5).numpy()
    images = np.full_like(clean.training.images, 255)
    images[rows] = clean.training.images[rows]
    poisoned = replace(clean, training=replace(clean.training, images=images))
    first = weights_after(as_data(clean), half, seed=5)
    assert same(first, weights_after(as_data(poisoned), half, seed=5))
    assert train(small_net(), as_data(clean), half, seed=5).images == 48


# ------------------------------------------------------------------------------------------- faults


class Spoiled(nn.Module):
    """Has this value as its loss from the n-th training step on."""

    def __init__(self, step: int, value: float) -> None:
        super().__init__()
        self.line = nn.Linear(SIDE * SIDE * 3, 4)
        self.step, self.value, self.steps = step, value, 0

    def forward(self, images: Tensor) -> Tensor:
        self.steps += self.training
        logits: Tensor = self.line(images.flatten(1))
        if self.steps < self.step:
            return logits
        return logits * self.value if np.isnan(self.value) else logits.sign() * 3e38  # whose loss is infinite


@pytest.mark.parametrize(("step", "value"), [(1, float("nan")), (23, float("nan")), (16, float("inf"))])
def test_a_loss_that_is_not_finite_fails_by_step_and_value(step: int, value: float) -> None:
    net = Spoiled(step, value)
    with pytest.raises(TrainingFailed, match=f"{value} at step {step} of") as failure:
        train(net, problem(800), BRIEF, reports=1)
    assert not isinstance(failure.value, UserError)
    assert net.steps <= step + training.CHECK_EVERY  # no long training of a lost cause


def test_a_diverging_training_fails() -> None:
    with pytest.raises(TrainingFailed):
        train(small_net(), problem(256), BRIEF, Recipe(lr=1e6, clip=0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fidelity(epochs=0),
        lambda: Fidelity(epochs=float("nan")),
        lambda: Fidelity(epochs=float("inf")),
        lambda: Fidelity(epochs=1, subset=0),
        lambda: Fidelity(epochs=1, subset=1.1),
        lambda: Fidelity(epochs=1, resolution=0),
        lambda: Recipe(lr=0),
        lambda: Recipe(momentum=1),
        lambda: Recipe(batch_size=1),
        lambda: Recipe(warmup=1),
        lambda: Recipe(batch_norm_momentum=0),
        lambda: find_device("gpu"),
        lambda: find_device("cuda:99"),
        lambda: train(small_net(), problem(64), Fidelity(epochs=1, resolution=32)),
        lambda: train(small_net(), problem(64), BRIEF, reports=0),
        lambda: train(small_net(), problem(64), BRIEF, device="tpu"),
        lambda: train(small_net(), problem(1), BRIEF),
        lambda: train(small_net(), as_data(InMemory(bars(64, 0), bars(0, 0))), BRIEF),
    ],
)
def test_what_cannot_be_done_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(UserError):
        make()


# --------------------------------------------------------------------------------------- evaluation


@pytest.mark.parametrize("batch_size", [1, 7, 80, 500])
def test_accuracy_is_that_of_every_image(batch_size: int) -> None:
    split = cast("Split", bars(80, seed=1))
    recorder = Recorder()
    with torch.no_grad():
        recorder.scores[2] = 1
    wrong_more = cast("Split", Pixels(split.images, np.where(np.arange(80) < 77, split.labels, 2)))
    assert evaluate(recorder, split, problem(), batch_size=batch_size) == 20 / 80
    more = np.mean(wrong_more.labels == 2)
    assert evaluate(recorder, wrong_more, problem(), batch_size=batch_size) == more
    assert recorder.evaluated == 160


@pytest.mark.parametrize("mode", [True, False])
def test_evaluation_changes_nothing(mode: bool) -> None:
    net = small_net(dropout=0.5).train(mode)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    data = problem()
    assert evaluate(net, data.validation(), data) == evaluate(net, data.validation(), data)
    assert net.training == mode
    assert same(before, net.state_dict())


# ----------------------------------------------------------------------------------------- surround


def test_training_needs_no_library_of_the_search() -> None:
    code = (
        "import sys\n"
        "for name in ('ray', 'optuna', 'typer', 'search_spaces', 'nas.data.dataset'): sys.modules[name] = None\n"
        "import nas.train.trainer"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_learns_too_and_shows_the_same_images() -> None:
    net = small_net()
    outcome: Outcome = train(net, problem(), Fidelity(epochs=8, resolution=SIDE), device="cuda")
    assert outcome.accuracy > 0.9
    assert next(net.parameters()).is_cuda
    data = problem(96)
    there, here = (shown(data, device=device, seed=2) for device in ("cuda", "cpu"))
    assert all(torch.equal(left.cpu(), right) for left, right in zip(there, here, strict=True))
