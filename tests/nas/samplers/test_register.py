"""The register: each name makes its sampler, another is refused, and the names alone need no library."""

import subprocess
import sys

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from nas.bench.samplers.playing import CONTESTANTS
from nas.common.errors import UserError
from nas.samplers.register import SAMPLERS, SamplerTask, make_sampler
from nas.search import settings

TASK = SamplerTask({"x": CategoricalDistribution((0, 1, 2))}, seed=0, cost=lambda p: 1.0 + p["x"])


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_name_makes_a_sampler_that_proposes(name: str) -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=make_sampler(name, TASK))
    assert study.ask(dict(TASK.space)).params["x"] in (0, 1, 2)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"'annealing'.*front, tpe, nsga2, random, gp"):
        make_sampler("annealing", TASK)


def test_the_search_and_the_benchmark_have_every_sampler() -> None:
    assert tuple(SAMPLERS) == settings.SAMPLERS
    assert set(SAMPLERS) <= set(CONTESTANTS)


def test_the_names_need_no_library() -> None:
    code = "import sys; from nas.samplers.register import SAMPLERS; assert not {'optuna', 'numpy'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
