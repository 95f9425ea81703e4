"""nas.compare.display: what is printed while a comparison runs."""

from io import StringIO

from rich.console import Console

from nas.compare.display import Display
from nas.engine.jobs import Event
from nas.compare.rounds import Training
from nas.train.trainer import Progress
from tests.nas.compare.small import A, B, in_memory
from tests.nas.search.small import outcome


def test_each_training_is_a_line_with_its_name_and_how_much_is_left() -> None:
    text = StringIO()
    trainings = in_memory(seeds=2)
    with Display(Console(file=text, width=200), trainings, {A: "the first"}, deadline=None) as display:
        for number, (network, seed) in enumerate([(A, 0), (B, 0), (A, 1)]):
            display.on(Event("launched", Running(number, network, seed)))
        display.on(Event("progressed", Running(0, A, 0), progress=Progress(0.5, 0.1, 1.0, 1.0)))
        display.on(Event("finished", Running(0, A, 0), result=outcome(0.625, seconds=12)))
        display.on(Event("finished", Running(1, B, 0), result="the loss was nan"))
        display.on(Event("cut", Running(2, A, 1)))
    first, second, third = text.getvalue().splitlines()
    assert first.startswith("the first, seed 0: 62.50% in 12 s") and "1/6 trainings" in first
    assert second.startswith(f"{B}, seed 0: failed: the loss was nan") and "2/6 trainings" in second
    assert third.startswith("the first, seed 1: cut off") and "2/6 trainings" in third


def test_a_resumed_comparison_counts_what_there_is() -> None:
    text = StringIO()
    trainings = in_memory(seeds=2)
    trainings.complete(trainings.launch(A, 0, trainings.setup.cost(A)), outcome(0.5))
    with Display(Console(file=text, width=200), trainings, {}, deadline=None) as display:
        display.on(Event("finished", Running(1, B, 0), result=outcome(0.5)))
    assert "2/6 trainings" in text.getvalue()
