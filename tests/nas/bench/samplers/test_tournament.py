"""A tournament plays each job once, keeps what is done, and forgets it when the sampler changes."""

import json
from pathlib import Path

import numpy as np
import pytest

from nas.bench.samplers import tournament as module
from nas.bench.samplers.playing import Scenario
from nas.bench.samplers.tournament import PLAYS, PlayJob, load, tournament
from nas.common.errors import UserError

JOBS = [
    PlayJob("constant", name, Scenario("one"), seed, 5) for name in ("front", "random") for seed in range(2)
]


def quiet(done: int, total: int) -> None:
    """No report."""


def test_what_is_done_is_not_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tournament(JOBS, tmp_path, 2, quiet)
    assert len((tmp_path / PLAYS).read_text().splitlines()) == 4

    def never(jobs: list[PlayJob], processes: int) -> list[object]:
        assert not jobs
        return []

    monkeypatch.setattr(module, "_played", never)
    again = tournament(JOBS, tmp_path, 2, quiet)
    for job in JOBS:
        np.testing.assert_allclose(first[job].progress, again[job].progress)
        assert first[job].repeats == again[job].repeats


def test_a_line_cut_short_is_played_again(tmp_path: Path) -> None:
    tournament(JOBS[2:], tmp_path, 1, quiet)
    whole = (tmp_path / PLAYS).read_text()
    (tmp_path / PLAYS).write_text(whole[:-30])
    counts: list[int] = []
    tournament(JOBS[2:], tmp_path, 1, lambda done, total: counts.append(done))
    assert counts == [1, 2]


def test_another_sampler_code_or_rule_is_another_play(monkeypatch: pytest.MonkeyPatch) -> None:
    front, random = JOBS[0], JOBS[2]
    keys = front.key, random.key
    assert PlayJob("constant", "front", Scenario("one", workers=4), 0, 5).key != front.key
    monkeypatch.setattr(module, "_code", lambda: "changed")
    assert front.key != keys[0]
    assert random.key == keys[1]


def test_the_lines_say_what_they_are(tmp_path: Path) -> None:
    tournament(JOBS[2:3], tmp_path, 1, quiet)
    row = json.loads((tmp_path / PLAYS).read_text())
    assert (row["table"], row["sampler"], row["seed"]) == ("constant", "random", 0)


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(UserError, match="nowhere"):
        load("nowhere")
