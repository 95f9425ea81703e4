"""A table is timed once, however often it is stopped."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nas.common.errors import UserError
from nas.latency.table.building import Agenda, borrow, build, distinct, journal_of, plan
from nas.latency.table.entries import keys_of
from nas.latency.table.file import load
from nas.latency.table.table import Table, Timings, Whole, completed
from nas.networks.cost import key_name
from search_spaces import Arch, spaces, zoo
from tests.nas.latency.table.synthetic import BESIDE, CONDITIONS, REFERENCE_MS, Synthetic, fingerprint
from tests.nas.search.small import KINDS, TINY, all_archs

SPACE = spaces.parse(KINDS)


@cache
def planned(**options: int) -> Agenda:
    return plan(SPACE, CONDITIONS, beside=BESIDE, **options)


def made(path: Path, measurer: Synthetic, **options: int) -> Table:
    return build(fingerprint(), SPACE, planned(**options), measurer, path)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Made in one go."""
    return made(tmp_path_factory.mktemp("straight") / "table.json", Synthetic())


def test_all_is_timed_once_and_written_whole(tmp_path: Path) -> None:
    path, measurer = tmp_path / "table.json", Synthetic()
    found = made(path, measurer)
    assert len(measurer.asked) == len(set(measurer.asked))
    expected = {key_name(key) for arch in all_archs(KINDS) for key in keys_of(arch, CONDITIONS)}
    baseline = {key_name(key) for key in keys_of(zoo.get(BESIDE[0]), CONDITIONS)}
    assert set(found.timings.parts) == expected | baseline
    assert load(path) == found and found.timings.reference_ms == pytest.approx(REFERENCE_MS)
    assert list(tmp_path.iterdir()) == [path]
    assert found.errors is not None and found.errors.mape < 0.01


@pytest.mark.parametrize("dies_after", [0, 7, 21, 60])
def test_a_table_killed_half_way_goes_on(straight: Table, tmp_path: Path, dies_after: int) -> None:
    path, dying = tmp_path / "table.json", Synthetic(dies_after=dies_after)
    with pytest.raises(KeyboardInterrupt):
        made(path, dying)
    assert not path.exists() and journal_of(path).is_file()
    again = Synthetic()
    found = made(path, again)
    kept = set(dying.asked) - set(again.asked)
    assert len(kept) >= dies_after - 10  # networks are written down in tens
    assert found == straight
    assert not journal_of(path).exists()


def test_a_line_torn_by_a_kill_is_timed_again(straight: Table, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    with pytest.raises(KeyboardInterrupt):
        made(path, Synthetic(dies_after=40))
    journal = journal_of(path)
    journal.write_text(journal.read_text()[:-20])
    again = Synthetic()
    assert made(path, again) == straight
    assert len(set(again.asked)) == len(again.asked)


def test_what_was_timed_under_other_conditions_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    with pytest.raises(KeyboardInterrupt):
        build(fingerprint(runtime="onnxruntime 0.9"), SPACE, planned(), Synthetic(dies_after=40), path)
    again = Synthetic()
    found = made(path, again)
    assert len(again.asked) == len(found.timings.parts) + len(found.timings.networks)


def test_progress_is_told_from_where_it_was(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path, agenda = tmp_path / "table.json", planned()
    with pytest.raises(KeyboardInterrupt):
        made(path, Synthetic(dies_after=50))
    build(fingerprint(), SPACE, agenda, Synthetic(), path, lambda *at: told.append(at))
    total = len(agenda.parts) + len(agenda.wholes)
    assert told[0] == (50, total) and told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_large_space_is_timed_in_part(straight: Table, tmp_path: Path) -> None:
    whole = straight
    part = made(tmp_path / "part.json", Synthetic(), most=60)
    baseline = {key_name(key) for key in keys_of(zoo.get(BESIDE[0]), CONDITIONS)}
    assert len(part.timings.parts) < len(whole.timings.parts)
    assert baseline <= set(part.timings.parts)
    assert set(part.timings.parts) | set(part.fitted) == set(whole.timings.parts)
    assert not set(part.timings.parts) & set(part.fitted)
    assert part.fit_error is not None and whole.fit_error is None
    for name, ratio in part.fitted.items():
        assert ratio == pytest.approx(whole.timings.parts[name], rel=0.5)


def test_held_out_networks_take_no_part_in_the_calibration(tmp_path: Path) -> None:
    wholes = planned(networks=5).wholes
    by_role = {role: {a for a, r in wholes if r == role} for role in ("calibration", "held out")}
    assert len(by_role["calibration"]) == len(by_role["held out"]) == 5
    assert not by_role["calibration"] & by_role["held out"]
    found = made(tmp_path / "table.json", Synthetic(noise=0.02), networks=5)
    spoilt = tuple(
        Whole(w.arch, w.ratio * (3 if w.role == "held out" else 1), w.role) for w in found.timings.networks
    )
    other = completed(Timings(**{**vars(found.timings), "networks": spoilt}))
    assert other.calibration.coefficients == found.calibration.coefficients
    assert other.errors is not None and other.errors.mape > 0.5  # the check can fail
    assert other.calibration.deviation > 0.5


def test_a_table_without_networks_is_refused(straight: Table) -> None:
    timings = straight.timings
    with pytest.raises(UserError, match="network"):
        completed(Timings(**{**vars(timings), "networks": ()}))
    few = dict(list(timings.parts.items())[:5])
    with pytest.raises(UserError, match="5"):
        completed(Timings(**{**vars(timings), "parts": few}))


def test_networks_are_different_ones() -> None:
    space = spaces.parse(TINY)
    some = distinct(space, 10, seed=0)
    assert len(set(some)) == 10
    assert not set(distinct(space, 10, seed=0, but=some)) & set(some)
    there_are = len(all_archs(TINY))
    assert len(distinct(space, there_are + 1, seed=0)) == there_are


def test_few_held_out_networks_have_no_rank_and_open_again(tmp_path: Path) -> None:
    found = made(tmp_path / "table.json", Synthetic(), networks=2)
    assert found.errors is not None and np.isnan(found.errors.spearman)
    again = load(tmp_path / "table.json").errors
    assert again is not None and np.isnan(again.spearman) and again.mape == found.errors.mape


def test_the_journal_is_readable_lines(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    with pytest.raises(KeyboardInterrupt):
        made(path, Synthetic(dies_after=30))
    lines = [json.loads(line) for line in journal_of(path).read_text().splitlines()]
    assert lines[0]["fingerprint"] == fingerprint().key
    assert all(Arch.parse(line["name"]) for line in lines[1:] if line["kind"] == "network")


def test_another_number_of_classes_does_not_time_the_trunk_anew(tmp_path: Path) -> None:
    """Heads and whole networks are timed, and what another machine has timed is not taken."""
    path, other = tmp_path / "a.json", tmp_path / "b.json"
    made(path, Synthetic())
    here = fingerprint(classes=4)
    agenda = plan(SPACE, here.conditions, beside=BESIDE)
    borrow(here, SPACE, agenda, other)
    again = Synthetic(of=here)
    found = build(here, SPACE, agenda, again, other)
    heads = {key_name(key) for key in agenda.parts if type(key[0]).__name__ == "Head"}
    assert heads <= set(again.asked) and len(again.asked) == len(heads) + len(agenda.wholes)
    assert set(found.timings.parts) == {key_name(key) for key in agenda.parts}
    stranger = fingerprint(classes=4, device="Another")
    borrow(stranger, SPACE, agenda, tmp_path / "c.json")
    third = Synthetic(of=stranger)
    build(stranger, SPACE, agenda, third, tmp_path / "c.json")
    assert len(third.asked) == len(agenda.parts) + len(agenda.wholes)
