"""nas.search.campaign driven by hand: what is started, what is written, and what a resumed one makes of it."""

import json
from dataclasses import replace
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from optuna.study import StudyDirection
from optuna.trial import TrialState

from nas.engine.jobs import WORTH_STARTING, Event, Job
from nas.samplers import FOLDS
from nas.search.campaign import Campaign, Trial
from nas.search.proposer import Proposal, Proposer
from nas.search.record import INTERRUPTED, KINDS, Record, is_over
from nas.search.settings import Settings
from nas.train.trainer import Outcome, Progress
from search_spaces import Arch, spaces
from tests.examples import few
from tests.nas.search.small import TINY, all_archs, outcome, settings
from tests.nas.search.test_display import Clock
from tests.nas.search.test_proposer import cheapest

ONE = ("mobilenet_v3_small_x0.35",)
TWO = (*ONE, "mobilenet_v2_x0.35")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("nas.engine.jobs.time", clock)
    return clock


def in_memory(given_: Settings) -> Record:
    """A record that no file is behind."""
    directions = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    studies = {kind: optuna.create_study(directions=directions) for kind in KINDS}
    studies["search"].set_user_attr("settings", given_.to_json())
    return Record(studies)


def campaign(record: Record, trials: int | None = None, **options: Any) -> Campaign:
    """As `nas.search` makes one, at the start and on a resumption."""
    record.interrupt_running()
    history = [trial for trial in record.trials() if is_over(trial)]
    proposer = Proposer(spaces.parse(record.settings.space), record.settings, history)
    return Campaign(record, proposer, trials=trials, **options)


def accuracy(job: Job) -> float:
    """Some accuracy that follows from the arch."""
    return (hash(Arch.parse(job.arch)) % 97) / 97


def taken(source: Campaign) -> tuple[str, Job]:
    found = source.next()
    assert isinstance(found, tuple)
    return found


def run(source: Campaign, most: int = 1000) -> list[Job]:
    """Up to so many jobs, one after the other."""
    jobs: list[Job] = []
    while len(jobs) < most and isinstance(found := source.next(), tuple):
        key, job = found
        source.finished(key, outcome(accuracy(job)))
        jobs.append(job)
    return jobs


def kinds_of(record: Record, jobs: list[Job]) -> str:
    """Of each job whether it is a trial (t) or a baseline (b)."""
    designed = {t.user_attrs["arch"] for t in record.trials("baselines")}
    return "".join("b" if job.arch in designed else "t" for job in jobs)


def test_trials_come_first_and_baselines_take_a_third() -> None:
    record = in_memory(settings(baselines=TWO, seed=3))
    source = campaign(record, trials=5)
    assert not source.over
    jobs = run(source)
    assert kinds_of(record, jobs) == "ttbttbt"
    assert source.over and not source.exhausted
    assert [t.state.name for t in record.trials()] == ["COMPLETE"] * 5
    assert [t.user_attrs["name"] for t in record.trials("baselines")] == list(TWO)


def test_baselines_that_are_left_come_at_the_end(clock: Clock) -> None:
    record = in_memory(settings(baselines=TWO))
    assert kinds_of(record, run(campaign(record, trials=1))) == "tbb"
    bounded = in_memory(settings(baselines=TWO))
    source = campaign(bounded, trials=1, deadline=clock.now + 1000)
    assert len(run(source)) == 1  # with a bound in minutes they have their third and no more


def test_a_job_is_all_that_its_result_depends_on() -> None:
    given_ = settings(seed=3, recipe=replace(settings().recipe, lr=0.125))
    _, job = taken(campaign(in_memory(given_), trials=1))
    assert (job.fidelity, job.recipe, job.seed) == (given_.fidelity, given_.recipe, 3)


def test_a_trial_is_written_with_its_cost_before_it_starts() -> None:
    record = in_memory(settings())
    proposer = Proposer(spaces.parse(TINY), record.settings)
    _, job = taken(Campaign(record, proposer, trials=3))
    (trial,) = record.trials()
    assert trial.state == TrialState.RUNNING and trial.user_attrs["arch"] == job.arch
    price = proposer.price(Arch.parse(job.arch))
    assert (trial.user_attrs["macs"], trial.user_attrs["params"]) == (price.macs, price.params)
    assert spaces.parse(TINY).arch(trial.params) == Arch.parse(job.arch)


def test_each_ending_is_written_and_told() -> None:
    events: list[Event[Trial]] = []
    record = in_memory(settings())
    source = campaign(record, trials=3, notify=events.append)
    keys = [taken(source)[0] for _ in range(3)]
    assert len(set(keys)) == 3 and source.next() is None and not source.over
    source.progressed(keys[1], Progress(0.5, 0.2, 1.0, 2.0))
    source.finished(keys[1], outcome(0.5))
    source.finished(keys[0], "TrainingFailed: loss is nan at step 3")
    source.finished(keys[2], None)
    assert [t.state.name for t in record.trials()] == ["FAIL", "COMPLETE", "FAIL"]
    assert [t.user_attrs.get("reason") for t in record.trials()] == [
        "TrainingFailed: loss is nan at step 3",
        None,
        INTERRUPTED,
    ]
    assert [(e.what, e.job.number) for e in events] == [
        ("launched", 0),
        ("launched", 1),
        ("launched", 2),
        ("progressed", 1),
        ("finished", 1),
        ("finished", 0),
        ("cut", 2),
    ]
    assert events[3].progress == Progress(0.5, 0.2, 1.0, 2.0)
    assert isinstance(events[4].result, Outcome) and isinstance(events[5].result, str)


def test_a_failure_counts_as_a_trial() -> None:
    record = in_memory(settings())
    source = campaign(record, trials=4)
    for _ in range(4):
        source.finished(taken(source)[0], "no")
    assert source.next() is None and source.over
    assert campaign(record, trials=4).over


def test_a_space_that_is_used_up_ends_the_run() -> None:
    budget, allowed = cheapest(TINY, 5)
    source = campaign(in_memory(settings(budgets=(budget,))), trials=50)
    jobs = run(source)
    assert {Arch.parse(job.arch) for job in jobs} == allowed and len(jobs) == len(allowed)
    assert source.exhausted and not source.over


def test_a_space_that_is_used_up_by_what_is_running_ends_the_run_too() -> None:
    """The engine asks no more once it was given nothing."""
    budget, allowed = cheapest(TINY, 3)
    source = campaign(in_memory(settings(budgets=(budget,))), trials=50)
    keys = [taken(source)[0] for _ in allowed]
    assert source.next() == "wait" and not source.exhausted
    for key in keys:
        source.finished(key, outcome(0.5))
    assert source.next() is None and source.exhausted


def test_what_is_cut_off_where_nothing_else_is_left_is_given_again() -> None:
    budget, allowed = cheapest(TINY, 3)
    source = campaign(in_memory(settings(budgets=(budget,))), trials=50)
    jobs = [taken(source) for _ in allowed]
    source.finished(jobs[0][0], None)
    assert taken(source)[1].arch == jobs[0][1].arch


def test_waiting_asks_the_sampler_no_more_than_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine asks again and again, and each vain proposal costs up to a second and some memory."""
    budget, allowed = cheapest(TINY, 3)
    source = campaign(in_memory(settings(budgets=(budget,))), trials=50)
    keys = [taken(source)[0] for _ in allowed]
    asked = []
    propose = Proposer.propose

    def counted(self: Proposer) -> Proposal | None:
        asked.append(1)
        return propose(self)

    monkeypatch.setattr(Proposer, "propose", counted)
    for _ in range(20):
        assert source.next() == "wait"
    assert len(asked) == 1
    source.finished(keys[0], outcome(0.5))
    assert source.next() == "wait"


# Time ----------------------------------------------------------------------------------------------------


def test_without_a_number_the_deadline_ends_the_run(clock: Clock) -> None:
    source = campaign(in_memory(settings()), deadline=clock.now + 100)
    for _ in range(9):
        key, job = taken(source)
        clock.now += 10
        source.finished(key, outcome(accuracy(job), seconds=10))
    assert taken(source)  # ten seconds left, and that is what one takes
    clock.now += 10 - 10 * WORTH_STARTING
    assert source.next() is None
    assert not source.exhausted


def test_baselines_are_not_started_too_late_either(clock: Clock) -> None:
    source = campaign(in_memory(settings(baselines=TWO)), trials=5, deadline=clock.now + 10)
    key, _ = taken(source)
    clock.now += 9
    source.finished(key, outcome(0.5, seconds=9))
    assert source.next() is None and not source.over


def test_a_resumed_run_knows_how_long_a_job_takes(clock: Clock) -> None:
    record = in_memory(settings())
    source = campaign(record, trials=3)
    source.finished(taken(source)[0], outcome(0.5, seconds=50))
    assert campaign(record, trials=3, deadline=clock.now + 39).next() is None
    assert campaign(record, trials=3, deadline=clock.now + 41).next() is not None


def test_a_deadline_in_the_past_starts_nothing(clock: Clock) -> None:
    record = in_memory(settings(baselines=ONE))
    assert campaign(record, trials=5, deadline=clock.now).next() is None
    assert record.trials() == [] and record.trials("baselines") == []


# Resuming ------------------------------------------------------------------------------------------------


def test_what_was_interrupted_comes_first_and_nothing_twice() -> None:
    record = in_memory(settings(baselines=TWO))
    first = campaign(record, trials=6)
    jobs = [taken(first) for _ in range(2 + 4)]
    for number in (0, 2, 4):
        first.finished(jobs[number][0], outcome(0.5))
    second = campaign(record, trials=6)  # the first one died
    again = run(second)
    cut = [jobs[n][1].arch for n in (1, 3, 5)]
    assert {job.arch for job in again[:3]} == set(cut)
    assert len(again) == 1 + 4 and second.over
    archs = [t.user_attrs["arch"] for t in record.trials()]
    assert len(archs) == len(set(archs)) == 6
    assert all(t.state == TrialState.COMPLETE for t in [*record.trials(), *record.trials("baselines")])
    assert [t.user_attrs["name"] for t in record.trials("baselines")] == [TWO[0], TWO[1]]


def test_a_run_that_has_what_is_asked_for_starts_nothing() -> None:
    record = in_memory(settings())
    run(campaign(record, trials=4))
    for trials in (3, 4):
        source = campaign(record, trials=trials)
        assert source.over and source.next() is None
    more = campaign(record, trials=6)
    assert not more.over and len(run(more)) == 2


def test_a_baseline_that_failed_is_not_tried_again() -> None:
    record = in_memory(settings(baselines=ONE))
    first = campaign(record, trials=1)
    first.finished(taken(first)[0], "diverged")
    run(first)
    assert campaign(record, trials=1).over


@hypothesis_settings(max_examples=few(40))
@given(
    lives=st.lists(st.lists(st.sampled_from("nnnfxpc"), max_size=12), max_size=5),
    trials=st.integers(1, 8),
    workers=st.integers(1, 3),
    chance=st.randoms(use_true_random=False),
)
def test_drivers_may_die_at_any_time(lives: list[list[str]], trials: int, workers: int, chance: Any) -> None:
    """Whatever became of earlier drivers, in the end all is there once, and nothing finished is lost."""
    record = in_memory(settings(baselines=ONE))
    finished: dict[tuple[str, str], str] = {}  # what ended, by arch: its state

    def end(source: Campaign, running: dict[str, Job], how: str) -> None:
        key = chance.choice(sorted(running))
        arch = running.pop(key).arch
        endings: dict[str, Outcome | str | None] = {"f": outcome(0.5), "x": "diverged", "c": None}
        result = endings[how]
        source.finished(key, result)
        if result is not None:
            kind = "trial" if key.startswith("search") else "baseline"
            assert (kind, arch) not in finished  # or it was run twice
            finished[kind, arch] = "COMPLETE" if how == "f" else "FAIL"

    for life in [*lives, None]:
        source, running = campaign(record, trials=trials), dict[str, Job]()
        for step in life or []:
            if step == "n" and len(running) < workers and isinstance(found := source.next(), tuple):
                running[found[0]] = found[1]
            elif step == "p" and running:
                source.progressed(min(running), Progress(0.5, 0.1, 1.0, 1.0))
            elif step in "fxc" and running:
                end(source, running, step)
        while life is None and (running or not source.over):
            if len(running) < workers and isinstance(found := source.next(), tuple):
                running[found[0]] = found[1]
            else:
                end(source, running, "f")
    there = {("trial", t.user_attrs["arch"]): t.state.name for t in record.trials()}
    there |= {("baseline", t.user_attrs["arch"]): t.state.name for t in record.trials("baselines")}
    assert there == finished
    assert len(record.trials()) == trials and len(record.trials("baselines")) == 1
    assert json.dumps([t.user_attrs for t in record.trials()])  # plain values: any storage can hold them


def test_a_tiny_space_is_never_more_than_used_up_by_resuming() -> None:
    record = in_memory(settings())
    found: list[str] = []
    while not (source := campaign(record, trials=1000)).exhausted:
        found += [job.arch for job in run(source, most=50)]
        if len(found) >= len(all_archs(TINY)):
            assert source.next() is None
            break
        taken(source)  # and dies
    assert len(found) == len(set(found)) == len(all_archs(TINY))


def test_trials_of_folds_tell_the_sampler_how_they_scatter_also_when_resumed() -> None:
    record = in_memory(settings(folds=3, sampler="front"))
    told: list[Any] = []

    def noises(source: Campaign) -> list[list[float]]:
        study = source._proposers["search"]._study
        return [list(t.user_attrs[FOLDS]) for t in study.get_trials(deepcopy=False) if t.values]

    first = campaign(record, trials=4)
    for number in range(2):
        key, job = taken(first)
        assert job.folds == 3
        folds = (0.5, 0.6, 0.7 + 0.1 * number)
        first.finished(key, replace(outcome(sum(folds) / 3), folds=folds))
        told.append(list(folds))
    assert noises(first) == told
    assert noises(campaign(record, trials=4)) == told
