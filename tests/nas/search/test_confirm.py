"""nas.search.confirm driven by hand: who is confirmed, by which trainings, and what a resumed run makes of it."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from nas.engine.jobs import Job
from nas.search.confirm import LONGER, Bounds, Confirmation, Phases
from nas.search.price import pricer
from nas.search.record import INTERRUPTED, Record
from nas.search.results import results
from nas.search.settings import Settings
from nas.search.tables import files, print_summary, write_results
from nas.train.trainer import Fidelity
from search_spaces import Arch, zoo
from tests.nas.search.small import TINY, all_archs, outcome, settings
from tests.nas.search.test_campaign import clock as clock  # a fixture
from tests.nas.search.test_campaign import in_memory
from tests.nas.search.test_display import Clock

DESIGNED = ("mobilenet_v3_small_x0.35", "mobilenet_v2_x0.35")
NOISE = 0.004


def searched(trials: int = 12, designed: tuple[str, ...] = DESIGNED, **changes: Any) -> Record:
    """A search that has ended, its accuracies those of `truth` with luck upon them."""
    given_: Settings = settings(baselines=designed, confirm=0.3, seed=5, **changes)
    record, price = in_memory(given_), pricer(given_)
    rng = np.random.default_rng(0)
    archs = sorted(all_archs(TINY), key=str)
    for number in rng.permutation(len(archs))[:trials]:
        arch = archs[number]
        made = record.launch(str(arch), price(arch), {}, {})
        record.complete(made, outcome(truth(arch) + NOISE * float(rng.standard_normal())))
    for name in designed:
        arch = zoo.get(name)
        made = record.launch(str(arch), price(arch), {}, {}, kind="baselines", name=name)
        record.complete(made, outcome(0.3), kind="baselines")
    return record


def truth(arch: Arch) -> float:
    """The larger the better, with some that are worse than their size."""
    size = pricer(settings())(arch).macs
    return 0.5 + size / 4e6 - 0.05 * (len(arch.blocks) % 2)


def believed(record: Record) -> Mapping[Arch, float]:
    """As a model would that had seen through the luck, but is not sure."""
    trials = record.trials()
    archs = [Arch.parse(trial.user_attrs["arch"]) for trial in trials]
    costs = [trial.values[1] for trial in trials]
    best = [max(truth(a) for a, c in zip(archs, costs, strict=True) if c <= own) for own in costs]
    return {a: 0.9 if truth(a) >= top else 0.2 for a, top in zip(archs, best, strict=True)}


def confirmation(record: Record, share: float = 0.5, deadline: float | None = None) -> Confirmation:
    record.interrupt_running()
    return Confirmation(record, lambda: believed(record), Bounds(share, deadline, 2))


def result(job: Job) -> float:
    """Of the truth and the seed alone, so that who is trained when changes nothing."""
    value = 0.3 if job.arch in {str(zoo.get(n)) for n in DESIGNED} else truth(Arch.parse(job.arch))
    luck = np.random.default_rng([crc32(job.arch.encode()), job.seed]).standard_normal()
    return value + NOISE * float(luck)


def run(source: Confirmation | Phases, most: int = 1000) -> list[Job]:
    jobs: list[Job] = []
    while len(jobs) < most and isinstance(found := source.next(), tuple):
        key, job = found
        source.finished(key, outcome(result(job)))
        jobs.append(job)
    return jobs


def test_it_trains_with_other_seeds_than_the_one_that_selected() -> None:
    record = searched()
    jobs = run(confirmation(record))
    assert jobs and all(job.seed > record.settings.seed for job in jobs)
    pairs = [(job.arch, job.seed) for job in jobs]
    assert len(set(pairs)) == len(pairs)
    assert [trial.state.name for trial in record.trials("confirm")] == ["COMPLETE"] * len(jobs)


def test_the_front_is_of_confirming_trainings_alone() -> None:
    record = searched()
    run(confirmation(record))
    found = results(record)
    assert found.is_confirmed and set(found.front["trial"]) <= set(found.trials["trial"])
    for row in found.front.itertuples():
        mine = found.trainings[found.trainings["arch"] == row.arch]
        assert row.accuracy == pytest.approx(mine["accuracy"].mean()) and row.seeds == len(mine)
    many = found.front[found.front["seeds"] >= 2]
    assert (many["accuracy_low"] < many["accuracy"]).all() and (
        many["accuracy"] < many["accuracy_high"]
    ).all()


def test_hand_designed_networks_are_confirmed_beside() -> None:
    record = searched()
    run(confirmation(record))
    names = set(results(record).confirmed["name"])
    assert names - {""} and names - {""} <= set(DESIGNED)


def test_without_a_deadline_the_share_is_of_the_epochs() -> None:
    record = searched(trials=28)
    share, epochs = 0.4, record.settings.fidelity.epochs
    jobs = run(confirmation(record, share))
    spent, before = sum(job.fidelity.epochs for job in jobs), 30 * epochs
    assert spent <= before * share / (1 - share) * (1 + 1e-9)


def test_it_trains_longer_only_where_that_leaves_enough_trainings() -> None:
    epochs = searched().settings.fidelity.epochs
    few, many = run(confirmation(searched(), 0.5)), run(confirmation(searched(), 0.85))
    assert {job.fidelity.epochs for job in few} == {epochs}
    assert {job.fidelity.epochs for job in many} == {epochs * LONGER}


def test_a_deadline_bounds_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.search.confirm.time", clock)
    record = searched()
    source = confirmation(record, deadline=clock.now + 10.0)
    jobs = []
    while isinstance(found := source.next(), tuple):
        clock.now += 1.0
        source.finished(found[0], outcome(0.5, seconds=1.0))
        jobs.append(found[1])
    assert 8 <= len(jobs) <= 10
    assert confirmation(record, deadline=clock.now).next() is None


def test_a_resumed_run_goes_on_and_trains_nothing_twice() -> None:
    record, whole = searched(), searched()
    jobs = run(confirmation(record), most=3)
    cut = confirmation(record).next()
    assert isinstance(cut, tuple)  # this one is under way when the driver dies
    jobs += run(confirmation(record))
    pairs = [(job.arch, job.seed) for job in jobs]
    assert len(set(pairs)) == len(pairs) and (cut[1].arch, cut[1].seed) in pairs
    assert len(pairs) == len(run(confirmation(whole)))
    assert confirmation(record).next() is None and not confirmation(record).due


def test_more_trials_let_others_in() -> None:
    record = searched(trials=6)
    before = {job.arch for job in run(confirmation(record))}
    more = searched(trials=28)
    for trial in more.trials()[6:]:
        number = record.launch(
            trial.user_attrs["arch"], pricer(record.settings)(Arch.parse(trial.user_attrs["arch"])), {}, {}
        )
        record.complete(number, outcome(trial.values[0]))
    after = {job.arch for job in run(confirmation(record))}
    assert after - before


def test_a_training_that_fails_counts_as_the_worst_and_is_not_tried_again() -> None:
    record = searched()
    source = confirmation(record)
    found = source.next()
    assert isinstance(found, tuple)
    source.finished(found[0], "TrainingFailed: the loss was nan")
    jobs = run(source)
    assert (found[1].arch, found[1].seed) not in [(job.arch, job.seed) for job in jobs]
    assert 0.0 in results(record).accuracies()[found[1].arch]


def test_what_was_cut_off_is_no_result() -> None:
    record = searched()
    source = confirmation(record)
    found = source.next()
    assert isinstance(found, tuple)
    source.finished(found[0], None)
    assert [t.user_attrs["reason"] for t in record.trials("confirm")] == [INTERRUPTED]
    assert results(record).accuracies() == {}


def test_nothing_to_confirm_is_nothing_to_do() -> None:
    record = in_memory(settings(confirm=0.3))
    assert confirmation(record).next() is None
    assert not confirmation(searched(trials=1, designed=())).due  # half a training


def test_a_search_that_took_longer_schedules_than_others_is_judged_by_these() -> None:
    record = searched()
    run(confirmation(record))
    found = results(record)
    assert set(found.front["epochs"]) == set(found.trainings["epochs"])


def test_phases_follow_each_other_and_results_find_their_way() -> None:
    one, two = searched(), searched()
    jobs = run(Phases(confirmation(one), confirmation(two)))
    assert len(jobs) == len(one.trials("confirm")) + len(two.trials("confirm"))
    assert one.trials("confirm") and two.trials("confirm")


def test_every_training_that_the_share_pays_for_is_made() -> None:
    """Seven trainings of 0.2 epochs pay for three: 0.3 / 0.7 of them come to 2.9999999999999996."""
    record = searched(trials=7, designed=(), fidelity=Fidelity(0.2, 0.2))
    assert len(run(confirmation(record, 0.3))) == 3


def test_what_was_confirmed_is_written_and_drawn(tmp_path: Path) -> None:
    record = searched()
    run(confirmation(record))
    found = results(record)
    write_results(found, tmp_path)
    assert {"confirmed.csv", "trainings.csv", "front.png", "front.html", "verdict.json"} <= {
        file.name for file in tmp_path.iterdir()
    }
    assert "confirmed.csv" in files(found)
    text = StringIO()
    print_summary(found, Console(file=text, width=300), tmp_path)
    for name in DESIGNED:  # confirmed or not, within the budget or not
        assert name in text.getvalue()
    written = pd.read_csv(tmp_path / "confirmed.csv")
    for row in written.itertuples():
        mine = found.trainings[found.trainings["arch"] == row.arch]["accuracy"]
        assert row.accuracy == pytest.approx(mine.mean())
