"""The rounds of nas.compare.running driven by hand: the order, the bound, and what a resumed comparison makes of a crash."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nas.compare.running import Rounds, Training
from nas.compare.trainings import Trainings
from nas.engine.jobs import WORTH_STARTING, Event, Job, Result
from nas.runs.studies import INTERRUPTED
from nas.train.trainer import Progress
from tests.examples import few
from tests.nas.compare.small import A, B, C, in_memory, reached, run, setup
from tests.nas.search.small import outcome
from tests.nas.search.test_display import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("nas.engine.jobs.time", clock)
    return clock


def resumed(trainings: Trainings, **options: Any) -> Rounds:
    """As a new driver begins."""
    trainings.interrupt_running()
    return Rounds(trainings, **options)


def taken(source: Rounds) -> tuple[str, Job]:
    found = source.next()
    assert isinstance(found, tuple)
    return found


def test_a_round_is_one_seed_of_every_network_in_order() -> None:
    source = resumed(in_memory(setup(seed=5), seeds=2))
    assert run(source) == [(A, 5), (B, 5), (C, 5), (A, 6), (B, 6), (C, 6)]
    assert source.next() is None and source.left == 0


def test_a_job_is_all_that_its_result_depends_on() -> None:
    given_ = setup(test=True)
    _, job = taken(resumed(in_memory(given_)))
    assert job == Job(A, given_.fidelity, given_.recipe, 0, test=True)
    assert not taken(resumed(in_memory()))[1].test


def test_a_training_is_written_with_its_cost_before_it_starts() -> None:
    trainings = in_memory()
    taken(resumed(trainings))
    (trial,) = trainings.trials()
    cost = trainings.setup.cost(A)
    assert trial.state.name == "RUNNING" and (trial.user_attrs["network"], trial.user_attrs["seed"]) == (A, 0)
    assert (trial.user_attrs["macs"], trial.user_attrs["params"]) == (cost.macs, cost.params)


def test_every_ending_is_written_and_told() -> None:
    events: list[Event[Training]] = []
    trainings = in_memory(seeds=1)
    source = resumed(trainings, notify=events.append)
    keys = [taken(source)[0] for _ in range(3)]
    source.progressed(keys[1], Progress(0.5, 0.2, 1.0, 2.0))
    source.finished(keys[1], outcome(0.5))
    source.finished(keys[0], "TrainingFailed: the loss was nan at step 3 of 9")
    source.finished(keys[2], None)
    assert [t.state.name for t in trainings.trials()] == ["FAIL", "COMPLETE", "FAIL"]
    reasons = [t.user_attrs.get("reason") for t in trainings.trials()]
    assert reasons == ["TrainingFailed: the loss was nan at step 3 of 9", None, INTERRUPTED]
    happened = [(event.what, event.job.network) for event in events]
    assert happened[3:] == [("progressed", B), ("finished", B), ("finished", A), ("cut", C)]


def test_what_failed_is_not_tried_again_and_what_was_cut_off_is() -> None:
    trainings = in_memory(seeds=1)
    first = resumed(trainings)
    for result in ("diverged", None, outcome(0.5)):
        first.finished(taken(first)[0], result)
    assert run(resumed(trainings)) == [(B, 0)]
    assert resumed(trainings).left == 0


def test_a_network_that_is_under_way_at_a_crash_is_trained_again() -> None:
    trainings = in_memory()
    dead = resumed(trainings)
    run(dead, most=2)
    taken(dead)
    taken(dead)
    assert run(resumed(trainings)) == [(C, 0), (A, 1), (B, 1), (C, 1)]


def test_more_seeds_train_only_what_is_missing() -> None:
    trainings = in_memory(seeds=2)
    run(resumed(trainings))
    trainings.note("seeds", 4)
    assert run(resumed(trainings)) == [(A, 2), (B, 2), (C, 2), (A, 3), (B, 3), (C, 3)]


def test_nothing_is_started_that_would_not_end_in_time(clock: Clock) -> None:
    source = resumed(in_memory(seeds=3), deadline=clock.now + 120)
    for seconds in (50, 10, 10):
        key, _ = taken(source)
        clock.now += seconds
        source.finished(key, outcome(0.5, seconds=seconds))
    clock.now += 50 - 50 * WORTH_STARTING
    assert source.next() is None  # A takes 50 s, though most take 10
    assert source.left == 6
    clock.now -= 1
    assert source.next() is not None


def test_a_deadline_in_the_past_starts_nothing(clock: Clock) -> None:
    trainings = in_memory()
    assert resumed(trainings, deadline=clock.now).next() is None and trainings.trials() == []


def test_a_resumed_comparison_knows_how_long_a_network_takes(clock: Clock) -> None:
    trainings = in_memory(seeds=2)
    first = resumed(trainings)
    for _ in range(3):
        first.finished(taken(first)[0], outcome(0.5, seconds=50))
    assert resumed(trainings, deadline=clock.now + 39).next() is None
    assert resumed(trainings, deadline=clock.now + 41).next() is not None


@hypothesis_settings(max_examples=few(40))
@given(
    lives=st.lists(st.lists(st.sampled_from("nnnfxc"), max_size=10), max_size=5),
    workers=st.integers(1, 3),
    chance=st.randoms(use_true_random=False),
)
def test_drivers_may_die_at_any_time(lives: list[list[str]], workers: int, chance: Any) -> None:
    """In the end every network has every seed once, with the result that it has without a crash."""
    trainings = in_memory(seeds=3)
    ended: dict[tuple[str, int], str] = {}

    def end(source: Rounds, running: dict[str, Job], how: str) -> None:
        key = chance.choice(sorted(running))
        job = running.pop(key)
        results: dict[str, Result | None] = {"f": reached(job), "x": "diverged", "c": None}
        source.finished(key, results[how])
        if how != "c":
            assert (job.arch, job.seed) not in ended  # or it was trained twice
            ended[job.arch, job.seed] = how

    for life in [*lives, None]:
        source, running = resumed(trainings), dict[str, Job]()
        for step in life or []:
            if step == "n" and len(running) < workers and isinstance(found := source.next(), tuple):
                running[found[0]] = found[1]
            elif step in "fxc" and running:
                end(source, running, step)
        while life is None and (running or source.left):
            if len(running) < workers and isinstance(found := source.next(), tuple):
                running[found[0]] = found[1]
            else:
                end(source, running, "f")
    assert set(ended) == {(network, seed) for network in (A, B, C) for seed in range(3)}
    whole = in_memory(seeds=3)
    run(resumed(whole))
    for network in (A, B, C):
        fates = [ended[network, seed] for seed in range(3)]
        for fate, mine, expected in zip(
            fates, trainings.accuracies(network), whole.accuracies(network), strict=True
        ):
            assert (mine == expected) if fate == "f" else mine != mine
