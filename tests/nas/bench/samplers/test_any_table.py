"""On no table, adversarial ones included, is the sampler worse than chance; nor does it ever repeat itself."""

from pathlib import Path

import pytest

from nas.bench.samplers.playing import Scenario
from nas.bench.samplers.scores import scores
from nas.bench.samplers.synthetic import SYNTHETIC
from nas.bench.samplers.tournament import PlayJob, tournament

SCENARIOS = (Scenario("one"), Scenario("four", workers=4), Scenario("cap", capped=True))


@pytest.mark.slow
@pytest.mark.parametrize("table", SYNTHETIC)
def test_it_is_never_worse_than_chance(table: str, tmp_path: Path) -> None:
    jobs = [
        PlayJob(table, sampler, scenario, seed, 40)
        for scenario in SCENARIOS
        for sampler in ("front", "random")
        for seed in range(5)
    ]
    found = scores(tournament(jobs, tmp_path, 2, lambda done, total: None))
    for score in found:
        if score.sampler == "front":
            beside = score.beside_random(found)
            assert beside is not None
            assert beside <= 1.0, score.scenario
            assert score.repeats == 0
