"""Parts that were not timed, told by those that were."""

import numpy as np

from nas.latency.table.entries import designed, keys_of, parts_of
from nas.latency.table.fitting import FEWEST, Fit, fit_error
from search_spaces import spaces, zoo
from tests.nas.latency.table.synthetic import CONDITIONS, part_ratio
from tests.nas.search.small import KINDS

MET = parts_of(spaces.parse(KINDS), CONDITIONS)


def test_the_fit_comes_near_to_parts_that_it_has_not_seen() -> None:
    timed = designed(MET, 50)
    left = [key for key in MET if key not in timed]
    told, deviations = Fit({key: part_ratio(key) for key in timed})(left)
    off = np.abs(told / [part_ratio(key) for key in left] - 1)
    assert len(left) > 20 and off.mean() < 0.08
    assert (deviations > 0).all()


def test_it_is_less_sure_of_what_is_unlike_all_it_has_seen() -> None:
    timed = designed(MET, 60)
    fit = Fit({key: part_ratio(key) for key in timed})
    foreign = keys_of(zoo.get("shufflenet_v2"), CONDITIONS)[1:3]
    assert fit(foreign)[1].min() > fit(timed)[1].max()


def test_its_error_is_of_parts_held_out() -> None:
    truth = {key: part_ratio(key) for key in MET}
    error = fit_error(truth)
    assert error is not None and 0 < error < 0.1
    rng = np.random.default_rng(0)
    noise = {key: float(ratio * np.exp(rng.normal())) for key, ratio in truth.items()}
    worse = fit_error(noise)
    assert worse is not None and worse > 3 * error  # noise cannot be told


def test_too_few_parts_have_no_error() -> None:
    assert fit_error(dict.fromkeys(list(MET)[: FEWEST - 1], 1.0)) is None
