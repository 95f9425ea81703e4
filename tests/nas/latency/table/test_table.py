"""What a table says of networks."""

from dataclasses import replace

import numpy as np
import pytest

from nas.common.errors import UserError
from nas.latency.table.building import check
from nas.latency.table.table import Table, check_here, command_for, described
from search_spaces import spaces, zoo
from tests.nas.latency.table.synthetic import REFERENCE_MS, Synthetic, fingerprint, network_ratio, table
from tests.nas.search.small import KINDS, all_archs


@pytest.fixture(scope="module")
def made() -> Table:
    return table(KINDS)


def test_predictions_are_near_and_intervals_hold_nine_in_ten(made: Table) -> None:
    told = {arch: made.predict(arch) for arch in all_archs(KINDS)}
    truth = {arch: network_ratio(arch) * REFERENCE_MS for arch in told}
    off = [told[arch].ms / truth[arch] - 1 for arch in told]
    assert np.abs(off).mean() < 0.03
    inside = [told[arch].low <= truth[arch] <= told[arch].high for arch in told]
    assert np.mean(inside) > 0.85
    assert all(p.low < p.ms < p.high for p in told.values())


def test_a_prediction_is_the_same_each_time(made: Table) -> None:
    arch = next(iter(all_archs(KINDS)))
    assert made.predict(arch) == made.predict(arch) == table(KINDS).predict(arch)


def test_what_the_table_lacks_is_fitted_and_less_sure(made: Table) -> None:
    known = made.predict(next(iter(all_archs(KINDS))))
    foreign = made.predict(zoo.get("efficientnet_b0"))
    assert 0 < foreign.low < foreign.ms < foreign.high
    assert foreign.high / foreign.ms > known.high / known.ms


def test_an_arch_that_cannot_be_built_is_refused(made: Table) -> None:
    tiny = replace(made, timings=replace(made.timings, fingerprint=fingerprint(resolution=2)))
    with pytest.raises(UserError, match="small"):
        tiny.predict(next(iter(all_archs(KINDS))))


@pytest.mark.parametrize(
    ("name", "value"),
    [("device", "Another"), ("runtime", "onnxruntime 2.0"), ("precision", "int8"), ("threads", 2)],
)
def test_a_table_of_something_else_is_refused_with_the_reason(made: Table, name: str, value: object) -> None:
    expected = fingerprint(**{name: value})
    with pytest.raises(UserError, match=f"{name} is .*expected {value!r}".replace("(", r"\(")):
        check_here(made, expected, "x.json")
    check_here(made, fingerprint(), "x.json")


def test_the_command_that_makes_a_table_names_what_is_not_default() -> None:
    assert command_for(fingerprint(resolution=224, classes=1000)) == "python -m nas.latency table"
    assert command_for(fingerprint(threads=2, classes=1000)).endswith("table --threads 2 --resolution 32")


def test_a_check_takes_other_networks_and_their_errors() -> None:
    made = table(KINDS)
    space, measurer = spaces.parse(KINDS), Synthetic(noise=0.01)
    found = check(made, space, measurer, 20)
    taken = {whole.arch for whole in made.timings.networks}
    assert len(found.networks) == 20 and not taken & set(measurer.asked)
    assert found.errors.mape < 0.03 and found.errors.spearman > 0.95
    assert found.by_macs.mape > found.errors.mape
    networks = found.networks
    assert networks["measured"].between(networks["low"], networks["high"]).sum() >= 16


class Slow(Synthetic):
    """Half as fast as when the table was made, in all it does; or a device on which networks differ."""

    def __init__(self, drift: float = 1.0, off: float = 1.0) -> None:
        super().__init__()
        self._drift, self._off = drift, off

    def _measured(self, text, ratio):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        found = super()._measured(text, ratio * self._off)
        return replace(found, ms=found.ms * self._drift)


def test_a_check_does_not_mind_a_slower_hour_but_minds_another_device(made: Table) -> None:
    space = spaces.parse(KINDS)
    assert check(made, space, Slow(drift=2.0), 10).errors.mape < 0.03
    assert check(made, space, Slow(off=1.5), 10).errors.mape > 0.25


def test_a_table_says_what_it_is_of_and_how_good(made: Table) -> None:
    said = described(made)
    assert "Computed" in said and "MAPE" in said and "Spearman" in said and "largest error" in said
