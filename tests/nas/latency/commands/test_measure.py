"""`python -m nas.latency measure` and `repeat`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.common.errors import UserError
from nas.console.commands import run_app
from nas.latency import Conditions, fingerprint
from nas.latency.__main__ import app
from nas.latency.commands.measure import _differences, listed
from nas.latency.commands.options import ConditionOptions
from nas.latency.timing.measuring import Measurement
from search_spaces import Arch, zoo

TEXT = "stem8-ir8-head"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nas.latency", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[4])


def called(*arguments: str) -> str:
    """The same within this process."""
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_json_holds_all_there_is_to_know() -> None:
    shown = called(
        "measure", TEXT, "mobilenet_v3_small_x0.35", "--json", "--resolution", "32", "--batch", "2"
    )
    rows = json.loads(shown)
    assert [row["name"] for row in rows] == [TEXT, "mobilenet_v3_small_x0.35"]
    assert Arch.parse(rows[1]["text"]) == zoo.get("mobilenet_v3_small_x0.35")
    assert rows[0]["fingerprint"]["batch"] == 2
    assert rows[0].keys() >= {"ms", "low", "high", "ratio", "clean", "runs", "clock", "forced"}


def test_bad_input_ends_with_one_line_and_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["nas.latency", "measure", TEXT, "--backend", "tflite"])
    with pytest.raises(SystemExit) as ended:
        run_app(app)
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "tflite" in said.err and len(said.err.strip().splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("mobilenet_v9",), "mobilenet_v9"),
        ((TEXT, "--precision", "int8", "--backend", "torch"), "int8"),
        ((TEXT, "--threads", "9999"), "9999"),
        ((TEXT, "--resolution", "0"), "resolution"),
        ((TEXT, "--clock", "sun"), "sun"),
    ],
)
def test_bad_input_is_named(arguments: tuple[str, ...], named: str) -> None:
    with pytest.raises(UserError, match=named):
        called("measure", *arguments)


def measured(clock: str = "wall", forced: bool = False) -> Measurement:
    return Measurement(TEXT, 6.5, 6.4, 7.0, 3.4, 0.95, 20, clock, forced, fingerprint(Conditions()))


def test_the_table_says_what_its_numbers_are_of() -> None:
    shown = listed(["a", "b"], [measured(), measured("cpu")])
    assert "6.500" in shown and "95% of 20" in shown
    assert str(measured().fingerprint) in shown
    assert "cpu: processor time" in shown and "wall: wall time" in shown
    assert "FORCED" not in shown
    assert "FORCED" in listed(["a"], [measured(forced=True)])


def test_the_options_stand_for_the_conditions_defaults() -> None:
    assert ConditionOptions().conditions == Conditions()


def test_sessions_are_compared_by_their_ratios() -> None:
    sessions = [[{"ratio": 2.0, "ms": 4.0}], [{"ratio": 2.1, "ms": 6.0}]]
    assert _differences(sessions, "ratio") == pytest.approx([0.05])
    assert _differences(sessions, "ms") == pytest.approx([0.5])


@pytest.mark.slow
def test_repeat_measures_in_two_processes() -> None:
    done = run("repeat", TEXT, "--resolution", "32")
    assert done.returncode in (0, 1), done.stderr  # timing decides between these
    assert "2 sessions" in done.stdout


@pytest.mark.slow
def test_repeat_passes_a_refusal_on() -> None:
    done = run("repeat", "mobilenet_v9")
    assert done.returncode == 2
    assert "mobilenet_v9" in done.stderr


def test_help_waits_for_no_runtime() -> None:
    code = "import sys, nas.latency.commands.measure, nas.latency.commands.tables\n"
    code += "print([name for name in ('torch', 'onnxruntime', 'pandas') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[4],
    )
    assert done.stdout == "[]\n"
