"""A campaign on a ladder of fidelities, with a control and a scheduler: driven by hand, without Ray."""

from collections import Counter
from pathlib import Path

import pytest

from nas.engine.jobs import Job, Stopped
from nas.search.campaign import Campaign
from nas.search.proposer import Proposer
from nas.search.record import Record, is_over
from nas.search.results import front_of, results
from nas.search.settings import Settings
from nas.train.trainer import Fidelity, Outcome, Progress
from search_spaces import Arch, spaces
from tests.nas.search.small import KINDS

SPACE = KINDS  # some hundred archs, priced in a moment


def settings(**changes: object) -> Settings:
    given: dict[str, object] = {
        "budgets": ("300MFLOPs",),
        "space": SPACE,
        "fidelity": Fidelity(4.0),
        "sampler": "random",
        "baselines": (),
    }
    return Settings(**{**given, **changes})  # type: ignore[arg-type]


def outcome(job: Job) -> Outcome:
    """An accuracy that depends on the arch and grows with the schedule."""
    accuracy = min(0.99, 0.2 + 0.02 * len(job.arch) / 10 + 0.05 * job.fidelity.epochs)
    curve = (Progress(1.0, accuracy, 1.0, 2.0),)
    return Outcome(accuracy, 1.0, 2.0, 100, 10, curve)


def campaign(record: Record, trials: int | None, control: bool = False) -> Campaign:
    space, chosen = spaces.parse(record.settings.space), record.settings
    history = [trial for trial in record.trials() if is_over(trial)]
    drawn = [trial for trial in record.trials("control") if is_over(trial)]
    other = Proposer(space, chosen, drawn, sampler="random") if control else None
    return Campaign(record, Proposer(space, chosen, history), trials=trials, control=other)


def run(source: Campaign, at_once: int = 2) -> list[Job]:
    """Run jobs as the engine does, `at_once` at a time, the oldest ending first."""
    under_way: list[tuple[str, Job]] = []
    done = []
    while True:
        found = source.next() if len(under_way) < at_once else "wait"
        if isinstance(found, tuple):
            under_way.append(found)
        elif under_way:
            key, job = under_way.pop(0)
            source.finished(key, outcome(job))
            done.append(job)
        else:
            assert found is None
            return done


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_rungs_are_trials_of_their_own(storage: str) -> None:
    record = Record.create(storage, "run", settings(rungs=(0.4, 1.2)), {})
    done = run(campaign(record, 26))
    counts = Counter(job.fidelity.epochs for job in done)
    assert sum(counts.values()) == 26
    assert counts[0.4] > counts[1.2] > counts[4.0] >= 1
    lower = {job.arch for job in done if job.fidelity.epochs == 0.4}
    assert {job.arch for job in done if job.fidelity.epochs > 0.4} <= lower
    assert max(Counter((job.arch, job.fidelity.epochs) for job in done).values()) == 1
    found = results(record)
    assert set(found.front["epochs"]) == {4.0}
    assert set(found.trials["epochs"]) == {0.4, 1.2, 4.0}


def test_a_resumed_ladder_repeats_nothing(storage: str) -> None:
    record = Record.create(storage, "run", settings(rungs=(0.4, 1.2)), {})
    first = run(campaign(record, 13))
    source = campaign(record, 30)
    cut = [source.next() for _ in range(2)]
    for found in cut:
        assert isinstance(found, tuple)
    again = Record.open(storage, "run")
    assert again.interrupt_running() == 2
    rest = run(campaign(again, 30))
    assert len(first) + len(rest) == 30
    assert max(Counter((job.arch, job.fidelity.epochs) for job in [*first, *rest]).values()) == 1
    assert {trial.state.name for trial in again.trials()} == {"COMPLETE"}


def test_a_control_gets_as_many_trials_drawn_at_random(storage: str) -> None:
    record = Record.create(storage, "run", settings(control="random", sampler="tpe"), {})
    run(campaign(record, 6, control=True))
    found = results(record)
    assert len(found.trials) == len(found.control) == 6
    assert set(found.trials["arch"]) != set(found.control["arch"])
    assert (found.control["macs"] <= 300e6).all()


def test_a_stopped_trial_is_pruned_and_never_on_the_front(storage: str) -> None:
    record = Record.create(storage, "run", settings(scheduler="asha"), {})
    source = campaign(record, 2)
    first, second = source.next(), source.next()
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    source.finished(first[0], Stopped((Progress(0.25, 0.99, 1.0, 1.0),)))
    source.finished(second[0], outcome(second[1]))
    assert source.next() is None
    trials = results(record).trials
    assert list(trials["state"]) == ["PRUNED", "COMPLETE"]
    assert list(front_of(trials, record.settings)["trial"]) == [1]
    assert record.trials()[0].user_attrs["curve"][0]["accuracy"] == 0.99


def test_an_exhausted_space_waits_for_what_is_running_then_ends(storage: str) -> None:
    tiny = (
        "choices: {block: [ir], kernel: [3], expansion: [2], squeeze_excite: [off], activation: [RE], "
        "groups: [1]}\nstages:\n  - {width: [16, 24], depth: [2], stride: 2}\n"
    )
    record = Record.create(storage, "run", settings(space=tiny, budgets=()), {})
    source = campaign(record, 10)
    jobs = [source.next(), source.next()]
    assert source.next() == "wait"
    for found in jobs:
        assert isinstance(found, tuple)
        source.finished(found[0], outcome(found[1]))
    assert source.next() is None
    assert source.exhausted
    assert len({Arch.parse(trial.user_attrs["arch"]) for trial in record.trials()}) == 2
