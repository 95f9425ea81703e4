"""What is known of a network before it is trained."""

import math

import pytest

from nas.common.errors import UserError
from nas.latency.conditions import Prediction
from nas.latency.table.identity import TableId
from nas.networks.cost import cost
from nas.search.budget import Budget
from nas.search.price import Price, pricer
from search_spaces import zoo
from tests.nas.latency.table.synthetic import table
from tests.nas.search.small import KINDS, settings

ARCH = zoo.get("mobilenet_v3_small")


def test_without_a_table_a_price_is_what_is_counted() -> None:
    price, counted = pricer(settings())(ARCH), cost(ARCH, 32, 10)
    assert (price.macs, price.params, price.activations) == (
        counted.macs,
        counted.params,
        counted.activations,
    )
    assert price.latency is None and math.isnan(price.latency_ms)


def test_with_a_table_it_has_the_predicted_latency_too() -> None:
    made = table(KINDS)
    price = pricer(settings(latency=TableId.of(made, here=True)), made)(ARCH)
    assert price.latency == made.predict(ARCH)
    assert Budget.parse("1ms").violation(price) == pytest.approx(price.latency_ms - 1)


@pytest.mark.parametrize("latency", [None, Prediction(2.0, 1.5, 2.5)])
def test_a_price_is_read_as_it_was_stored(latency: Prediction | None) -> None:
    price = Price(3, 2, 1, 4, 5, latency)
    assert Price.stored({**price.attributes(), "arch": "x"}) == price


def test_another_table_than_the_runs_is_refused_with_the_reason() -> None:
    made = table(KINDS)
    given = settings(latency=TableId.of(made, here=True))
    with pytest.raises(UserError, match="another time"):
        pricer(given, table(KINDS, noise=0.02))
    with pytest.raises(UserError, match=r"onnxruntime 2\.0"):
        pricer(given, table(KINDS, runtime="onnxruntime 2.0"))
    with pytest.raises(UserError, match="latency-table"):
        pricer(given)
