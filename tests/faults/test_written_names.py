"""What is written is read by others: spreadsheets take names for names, terminals show them and obey none."""

import ast
import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from nas.common.csv_text import rows_csv, table_csv
from nas.common.errors import UserError
from nas.console.commands import guarded, notify
from nas.console.screen import SafeConsole
from nas.console.terminal import printable, say

ROOT = Path(__file__).parents[2]
HOSTILE = ["=1+1", "+ SE", "-2+3", "@SUM(A1)", "\t=1", '=cmd|" /C calc"!A0', "=1\n=2"]
HARMLESS = ["mobilenet_v2", "V2 -> + SE", "", "stem16-ir16", "a=b", "3x3"]
ESCAPE = "\x1b[2Jcats\x1b]0;owned\x07\r\u202egpj.exe\x9b31m"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_cell_that_would_be_computed_is_a_text(name: str) -> None:
    table = pd.DataFrame({"name": [name, "plain"], "accuracy": [-0.5, 0.5], name: [1, 2]})
    for text in (table_csv(table), rows_csv(table.columns.tolist(), table.to_numpy().tolist())):
        header, first, second = csv.reader(io.StringIO(text))
        assert header == ["name", "accuracy", f"'{name}"]
        assert first == [f"'{name}", "-0.5", "1"] and second == ["plain", "0.5", "2"]


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_cell_stays_as_it_is(name: str) -> None:
    table = pd.DataFrame({"name": [name], "value": [-1.25], "on": [True], "none": [float("nan")]})
    assert table_csv(table) == table.to_csv(index=False)


def test_an_empty_table_is_its_header() -> None:
    assert table_csv(pd.DataFrame(columns=["a", "=b"])) == "a,'=b\n"


def _calls(package: str) -> list[tuple[str, str]]:
    """Every call of a package by its file and its dotted name."""
    found = []
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found.append((str(file.relative_to(ROOT)), ast.unparse(node.func)))
    return found


def test_every_csv_is_written_by_one_module() -> None:
    """`experiments/rows.py` adds rows to a file that it reads again, of numbers and archs."""
    own = {"nas/common/csv_text.py", "experiments/rows.py"}
    calls = [*_calls("nas"), *_calls("experiments")]
    wrong = [file for file, name in calls if name.endswith((".to_csv", "csv.writer", "DictWriter"))]
    assert set(wrong) == own


def test_every_line_goes_through_one_function() -> None:
    """Benchmarks print their own figures; `nas` its own help; the remote script stands alone."""
    own = ("nas/bench/", "nas/__main__.py", "nas/latency/remote_script.py", "nas/console/terminal.py")
    calls = [(file, name) for file, name in _calls("nas") if not file.startswith(own)]
    assert [file for file, name in calls if name in ("print", "echo", "typer.echo", "Console", "secho")] == []


@pytest.mark.parametrize("text", [ESCAPE, "\x00", "\x7f", "a\rb", "\u2066x", "\ud800"])
def test_what_a_terminal_would_obey_is_shown(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = SafeConsole(file=io.StringIO(), force_terminal=True, width=200)
    say(f"one {text}")
    say(f"two {text}", err=True)
    notify(f"three {text}")
    with pytest.raises(SystemExit):
        guarded(lambda: (_ for _ in ()).throw(UserError(f"four {text}")))
    console.print(f"five {text}", markup=False, highlight=False)
    out, err = capsys.readouterr()
    for said in (out, err, console.file.getvalue()):  # type: ignore[attr-defined]
        assert said and not {*said} & {*"\x1b\x07\r\x00\x7f\x9b\u202e\u2066\ud800"}
    assert out.startswith("one ") and "two " in err and "three " in err and "error: four" in err


def test_richs_own_signs_are_obeyed_and_names_are_not() -> None:
    console = SafeConsole(file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print("[red]x\x1b[2J", highlight=False)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.startswith("\x1b[31mx\\x1b[2J") and text.count("\x1b") == 2


def test_what_is_to_be_read_is_not_changed() -> None:
    plain = "Größe 64×64 — 猫, naïve 👩‍🔬\n\ttab"
    assert printable(plain) == plain
