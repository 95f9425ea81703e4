"""nas.console.status_line: one line that is drawn anew in a terminal, and what is printed above it."""

from io import StringIO

from rich.console import Console

from nas.console.status_line import StatusLine, time_left


def test_piped_output_has_a_line_an_event_with_the_summary_at_its_end() -> None:
    text = StringIO()
    line = StatusLine(Console(file=text, width=20))
    line.start("0/3")
    line.show("1/3")
    line.say("[first] took long enough to wrap", "1/3 done")
    line.stop()
    assert text.getvalue() == "[first] took long enough to wrap | 1/3 done\n"


def test_a_terminal_keeps_what_happened_and_draws_the_line_below() -> None:
    text = StringIO()
    line = StatusLine(Console(file=text, width=60, force_terminal=True))
    line.start("0/3")
    line.say("first", "1/3")
    line.show("1/3 now")
    assert line.live is not None
    line.live.refresh()
    assert "first\n" in text.getvalue() and "1/3 now" in text.getvalue()
    line.stop()
    assert not line.live.is_started


def test_time_is_told_in_minutes() -> None:
    assert time_left(200.4) == "3:20 left" and time_left(-5) == "0:00 left"
    assert "unknown" in time_left(None)
