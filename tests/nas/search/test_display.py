"""nas.search.display: plain lines where output is piped, a live line in a terminal, the same figures in both."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nas.engine.jobs import Event, Result, Stopped
from nas.search.campaign import Trial
from nas.search.display import SearchDisplay
from nas.search.price import Price
from nas.search.record import INTERRUPTED, Kind, create_run
from nas.search.results import Results, results
from nas.search.settings import Settings
from nas.train.trainer import Progress
from search_spaces import Arch
from tests.nas.search.small import arch_of, outcome, settings

ARCH = Arch.parse("stem16-ir16-head32_f32")
BUDGET = settings(budgets=("100kFLOPs",))
CLASSES = 10


class Clock:
    """Stands in for the time module."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("nas.engine.live.time", clock)
    return clock


@pytest.fixture
def nothing(tmp_path: Path) -> Results:
    return results(create_run(tmp_path / "run", None, BUDGET, {}))


def event(
    what: Any,
    number: int,
    *,
    kind: Kind = "search",
    name: str = "",
    result: Result | None = None,
    share: float | None = None,
    epochs: float = 0.1,
) -> Event[Trial]:
    progress = None if share is None else Progress(share, 0.1, 1.0, 1.0)
    cost = Price(50_000, 1_000_000, 7)
    return Event(what, Trial(kind, number, name, ARCH, cost, epochs, brief=epochs < 0.1), progress, result)


def plain(
    found: Results, *events: Event[Trial], trials: int | None = 4, deadline: float | None = None
) -> list[str]:
    text = StringIO()
    with SearchDisplay(
        Console(file=text, width=40), found, CLASSES, trials=trials, deadline=deadline
    ) as display:
        for each in events:
            display.on(each)
    return text.getvalue().splitlines()


def test_piped_output_is_a_line_a_trial_whatever_its_width(clock: Clock, nothing: Results) -> None:
    lines = plain(
        nothing,
        event("launched", 0),
        event("progressed", 0, share=0.5),
        event("finished", 0, result=outcome(0.55, seconds=7)),
        event("launched", 1),
        event("finished", 1, result="TrainingFailed: loss is nan"),
        event("launched", 2),
        event("cut", 2),
    )
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)
    assert lines[0].startswith("trial 0: 55.00% in 7 s, 0.1 M multiply-adds, 1.00 M parameters")
    assert "1/4 trials" in lines[0] and "best 55.00%" in lines[0] and "front 1" in lines[0]
    assert "hypervolume 0.2500" in lines[0]
    assert "trial 1: failed: TrainingFailed: loss is nan" in lines[1] and "2/4 trials" in lines[1]
    assert "trial 2: cut off" in lines[2] and "2/4 trials" in lines[2]


def test_baselines_are_named_and_are_no_trials(clock: Clock, nothing: Results) -> None:
    lines = plain(
        nothing,
        event("launched", 0, kind="baselines", name="mobilenet_v2"),
        event("finished", 0, kind="baselines", name="mobilenet_v2", result=outcome(0.9)),
        event("launched", 0),
        event("finished", 0, result=outcome(0.2)),
    )
    assert lines[0].startswith("mobilenet_v2: 90.00%") and "0/4 trials" in lines[0]
    assert "best" not in lines[0]
    assert "best 20.00%" in lines[1] and "1/4 trials" in lines[1]


def test_figures_go_on_from_what_the_run_had(clock: Clock, tmp_path: Path) -> None:
    record = create_run(tmp_path / "run", None, BUDGET, {})
    cost = Price(50_000, 5_000, 7)
    record.complete(record.launch(arch_of("a"), cost, {}, {}), outcome(0.7))
    record.fail(record.launch(arch_of("b"), cost, {}, {}), "no")
    record.fail(record.launch(arch_of("c"), cost, {}, {}), INTERRUPTED)
    done = event("finished", 3, result=outcome(0.2, seconds=1))
    lines = plain(results(record), event("launched", 3), done)
    assert "3/4 trials" in lines[0] and "best 70.00%" in lines[0] and "front 1" in lines[0]


@pytest.mark.parametrize(
    "given_,said", [(settings(), False), (BUDGET, True), (settings(budgets=("1MParams",)), False)]
)
def test_a_hypervolume_is_shown_where_a_budget_fixes_its_reference(
    clock: Clock, tmp_path: Path, given_: Settings, said: bool
) -> None:
    found = results(create_run(tmp_path / "run", None, given_, {}))
    lines = plain(found, event("launched", 0), event("finished", 0, result=outcome(0.5)), trials=None)
    assert ("hypervolume" in lines[0]) == said
    assert "1 trials" in lines[0] and "/" not in lines[0].split("|")[1]


def test_lower_rungs_controls_and_stopped_trials_are_told_apart(clock: Clock, nothing: Results) -> None:
    lines = plain(
        nothing,
        event("launched", 0, epochs=0.05),
        event("finished", 0, epochs=0.05, result=outcome(0.9)),
        event("launched", 0, kind="control"),
        event("finished", 0, kind="control", result=outcome(0.8)),
        event("launched", 1),
        event("finished", 1, result=Stopped((Progress(0.25, 0.7, 1.0, 1.0),))),
    )
    assert lines[0].startswith("trial 0 (0.05 epochs): 90.00%") and "1/4 trials" in lines[0]
    assert lines[1].startswith("control 0: 80.00%") and "1/4 trials" in lines[1]
    assert lines[2].startswith("trial 1: stopped at 25% with 70.00%") and "2/4 trials" in lines[2]
    assert "best" not in "".join(lines)  # none of them is a result of the search


def test_time_left_follows_the_pace_and_the_deadline(clock: Clock, nothing: Results) -> None:
    text = StringIO()

    def left(trials: int | None, deadline: float | None) -> str:
        clock.now, finished = 1000.0, event("finished", 0, result=outcome(0.5))
        text.truncate(0)
        display = SearchDisplay(Console(file=text), nothing, CLASSES, trials=trials, deadline=deadline)
        display.on(event("launched", 0))
        clock.now += 70.0
        display.on(finished)
        return text.getvalue().strip().split(" | ")[-1]

    assert left(4, None) == "3:30 left"
    assert left(4, 1100.0) == "0:30 left"
    assert left(4, 9999.0) == "3:30 left"
    assert left(None, 1100.0) == "0:30 left"
    assert left(None, 1010.0) == "0:00 left"
    assert "unknown" in left(None, None)


def test_a_terminal_shows_a_live_line_and_keeps_the_results(clock: Clock, nothing: Results) -> None:
    text = StringIO()
    console = Console(file=text, width=200, force_terminal=True)
    with SearchDisplay(console, nothing, CLASSES, trials=4, deadline=None) as display:
        display.on(event("launched", 0))
        display.on(event("progressed", 0, share=0.25))
        display._drawn.refresh()
        shown = text.getvalue()
        display.on(event("finished", 0, result=outcome(0.5)))
    assert "running: trial 0 25%" in shown and "0/4 trials" in shown
    assert "trial 0: 50.00%" in text.getvalue()
    assert text.getvalue().endswith(("\x1b[?25h", "\x1b[2K"))  # the cursor is back, the live line gone


def test_a_reason_with_brackets_is_printed_as_it_is(clock: Clock, nothing: Results) -> None:
    lines = plain(nothing, event("launched", 0), event("finished", 0, result="ValueError: [/x] of [3, 4]"))
    assert "ValueError: [/x] of [3, 4]" in lines[0]


def test_the_display_goes_away_when_the_run_breaks(clock: Clock, nothing: Results) -> None:
    console = Console(file=StringIO(), force_terminal=True)
    display = SearchDisplay(console, nothing, CLASSES, trials=4, deadline=None)
    with pytest.raises(ZeroDivisionError), display:
        raise ZeroDivisionError
    assert not display._drawn.is_started
