"""nas.compare.summary: what is read from a comparison's trainings."""

import math
from dataclasses import replace

import pytest

from nas.compare.summary import COLUMNS, label_of, printed, summarise
from nas.compare.trainings import Trainings
from search_spaces import Arch, zoo
from tests.nas.compare.small import A, B, C, in_memory, setup
from tests.nas.search.small import outcome

ROWS = {"first": A, "second": B, "again": A, "third": C}


def trained(gains: dict[str, float], seeds: int = 3) -> Trainings:
    trainings = in_memory(setup(test=True), seeds=3)
    for seed in range(seeds):
        for place, network in enumerate((A, B, C)):
            accuracy = 0.6 + 0.02 * seed + gains.get(network, 0.0) + 0.001 * ((seed * place) % 3 - 1)
            number = trainings.launch(network, seed, trainings.setup.cost(network))
            trainings.complete(number, replace(outcome(accuracy + 0.1), test=accuracy))
    return trainings


def test_a_row_a_network_with_differences_to_the_first_on_the_test_images() -> None:
    table = summarise(trained({B: 0.1}), ROWS)
    assert list(table.columns) == list(COLUMNS) and table["label"].tolist() == list(ROWS)
    assert table["test_accuracy"][0] == pytest.approx(0.62, abs=0.002)
    assert table["accuracy"][0] == pytest.approx(0.72, abs=0.002)
    assert table["test_low"][0] < table["test_accuracy"][0] < table["test_high"][0]
    assert (
        math.isnan(table["difference"][0])
        and math.isnan(table["difference"][2])
        and table["verdict"][0] == ""
    )
    assert table["difference"][1] == pytest.approx(0.1, abs=0.003) and table["verdict"][1] == "better"
    assert table["verdict"][3] == "no difference seen"
    assert summarise(trained({B: -0.1}), ROWS)["verdict"][1] == "worse"


def test_what_is_unfinished_says_so() -> None:
    table = summarise(trained({}, seeds=1), ROWS)
    assert table["note"].str.contains("1 of 3 seeds").all() and table["test_low"].isna().all()
    nothing = summarise(trained({}, seeds=0), ROWS)
    assert nothing["test_accuracy"].isna().all() and (nothing["seeds"] == 0).all()


def test_published_figures_are_those_of_the_network_and_its_width() -> None:
    table = printed({"small": str(zoo.get("mobilenet_v3_small")), "mine": A})
    assert set(table["label"]) == {"small"} and set(table["data"]) == {"ImageNet", "CIFAR-10"}
    here = table[(table["data"] == "ImageNet") & (table["resolution"] == 224)]
    assert here["top1_percent"].tolist() == [67.5] and here["width"].tolist() == [1.0]
    assert printed({"mine": A}).empty


def test_a_network_is_called_by_what_was_written() -> None:
    arch = zoo.get("mobilenet_v3_small")
    assert label_of("mobilenet_v3_small", arch) == "mobilenet_v3_small"
    assert label_of("results/mine@17", arch) == "mine@17"
    assert label_of(str(arch), arch) == "mobilenet_v3_small"
    long = Arch.parse(f"{A.removesuffix('-head32_f32')}-2xir24_t3-3xir32_k5_t4-head32")
    assert len(label_of(str(long), long)) == 40
