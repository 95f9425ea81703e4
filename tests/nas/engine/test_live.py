"""nas.engine.live: what is printed while trainings run."""

from io import StringIO

import pytest
from rich.console import Console

from nas.compare.running import Training
from nas.engine.jobs import Event
from nas.engine.live import Live
from nas.train.trainer import Progress
from tests.nas.search.small import outcome

FIRST, SECOND, AGAIN = (
    Training(0, "a", 0, "the first, seed 0"),
    Training(1, "b", 0, "b, seed 0"),
    Training(2, "a", 1, "the first, seed 1"),
)


def test_each_training_is_a_line_with_its_name_and_how_much_is_left() -> None:
    text = StringIO()
    live: Live[Training] = Live(Console(file=text, width=200), over=0, total=6, deadline=None)
    with live as display:
        for job in (FIRST, SECOND, AGAIN):
            display.on(Event("launched", job))
        display.on(Event("progressed", FIRST, progress=Progress(0.5, 0.1, 1.0, 1.0)))
        display.on(Event("finished", FIRST, result=outcome(0.625, seconds=12)))
        display.on(Event("finished", SECOND, result="the loss was nan"))
        display.on(Event("cut", AGAIN))
    first, second, third = text.getvalue().splitlines()
    assert first.startswith("the first, seed 0: 62.50% in 12 s") and "1/6 trainings" in first
    assert second.startswith("b, seed 0: failed: the loss was nan") and "2/6 trainings" in second
    assert third.startswith("the first, seed 1: cut off") and "2/6 trainings" in third


def test_a_resumed_comparison_counts_what_there_is() -> None:
    text = StringIO()
    live: Live[Training] = Live(Console(file=text, width=200), over=1, total=6, deadline=None)
    with live as display:
        display.on(Event("finished", SECOND, result=outcome(0.5)))
    assert "2/6 trainings" in text.getvalue()


def test_piped_output_has_a_line_an_event_however_narrow() -> None:
    text = StringIO()
    live: Live[Training] = Live(Console(file=text, width=20), over=0, total=None, deadline=None)
    with live as display:
        display.on(Event("launched", FIRST))
        display.on(Event("finished", FIRST, result=outcome(0.625, seconds=12)))
    assert text.getvalue() == "the first, seed 0: 62.50% in 12 s | 1 trainings | time left unknown\n"


def test_a_terminal_keeps_what_happened_and_draws_the_line_below() -> None:
    text = StringIO()
    console = Console(file=text, width=100, force_terminal=True)
    live: Live[Training] = Live(console, over=0, total=3, deadline=None)
    with live as display:
        assert "0/3 trainings" in text.getvalue()
        display.on(Event("finished", FIRST, result=outcome(0.625, seconds=12)))
        display.on(Event("launched", SECOND))
        display._drawn.refresh()
        assert "the first, seed 0: 62.50% in 12 s\n" in text.getvalue()
        assert "running: b, seed 0 0%" in text.getvalue()
    assert not display._drawn.is_started


def test_the_line_of_a_terminal_tells_how_long_a_training_has_run(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("nas.engine.live.time.monotonic", lambda: now)
    text = StringIO()
    live: Live[Training] = Live(Console(file=text, width=100), over=0, total=3, deadline=now + 300)
    live.on(Event("launched", FIRST))
    now += 65  # nothing has happened since
    assert "the first, seed 0 0% 1:05" in str(live._line()) and "3:55 left" in str(live._line())
