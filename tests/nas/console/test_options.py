"""nas.console.options: one spelling of an option for the public function and for the command line."""

import inspect
import sys
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from typer import Argument, Option

from nas.console import commands
from nas.console.options import COMMAS, AnyPath, CommandOptions, Texts, separated, several, takes


@dataclass(frozen=True, kw_only=True)
class Bounds(CommandOptions):
    minutes: Annotated[float | None, Option(help="Time.")] = None
    out: Annotated[AnyPath | None, Option(help="Folder.")] = None


@dataclass(frozen=True)
class Order(Bounds):
    networks: Annotated[Texts, Argument(metavar="NETWORK...")] = ()
    _: KW_ONLY
    budget: Annotated[Texts | None, Option(help="Bound; repeatable.")] = None
    parts: Annotated[Texts | None, COMMAS, Option(help="Parts.")] = None
    anew: Annotated[bool, Option("--anew", help="Again.")] = False
    silent: bool = False  # for Python alone


@takes(Order)
def order(request: Order) -> Order:
    """Orders."""
    return request


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> Order:
    """What a command is given for these words."""
    given: list[Order] = []
    monkeypatch.setattr(sys, "argv", ["order", *words])
    with pytest.raises(SystemExit) as end:
        commands.run(given.append, Order)
    assert end.value.code == 0
    return given[0]


def test_the_function_takes_what_the_request_does() -> None:
    assert order(["a", "b"], minutes=2, silent=True) == Order(["a", "b"], minutes=2, silent=True)
    assert list(inspect.signature(order).parameters) == list(inspect.signature(Order).parameters)
    assert order.__doc__ == "Orders."
    with pytest.raises(TypeError):
        order(hours=1)  # type: ignore[call-arg]


def test_the_command_line_is_read_from_the_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed(monkeypatch) == Order()
    words = "a b --budget 1MFLOPs --budget 2ms --parts se,kernel --out x --minutes 1.5 --anew"
    read = typed(monkeypatch, *words.split())
    assert several(read.networks) == ("a", "b") and several(read.budget) == ("1MFLOPs", "2ms")
    assert separated(read.parts or ()) == ("se", "kernel")
    assert (read.out, read.minutes, read.anew) == (Path("x"), 1.5, True)


def test_what_is_for_python_alone_is_no_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["order", "--silent"])
    with pytest.raises(SystemExit) as end:
        commands.run(lambda request: None, Order)
    assert end.value.code == 2 and "--silent" in capsys.readouterr().err


def test_a_commands_own_options_come_first_in_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["order", "--help"])
    with pytest.raises(SystemExit):
        commands.run(lambda request: None, Order)
    said = capsys.readouterr().out
    assert said.index("--budget") < said.index("--minutes")


def test_what_was_given_is_told_as_it_is_written() -> None:
    given = Order("a", minutes=0.5, out="x", budget="1MFLOPs", anew=True)
    assert given.given("out") == ["--minutes", "a", "--budget", "--anew"]
    assert Order().given() == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, ()), ("a", ("a",)), (Path("a"), ("a",)), (["a", Path("b")], ("a", "b")), ((), ())],
)
def test_one_or_several(given: Any, expected: Sequence[str]) -> None:
    assert several(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("se, kernel,", ("se", "kernel")), ("none", ()), ("", ()), (["a"], ("a",)), (("none",), ())],
)
def test_texts_between_commas(given: Any, expected: Sequence[str]) -> None:
    assert separated(given) == expected
