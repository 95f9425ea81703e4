from __future__ import annotations

import sys

import pytest
import typer
from typer.testing import CliRunner

from nas import doctor
from nas.kernels import choices, library
from nas.kernels.allocator import is_glibc


def told() -> dict[str, str]:
    return dict(doctor.examine())


def test_it_tells_which_path_is_taken() -> None:
    found = told()
    assert {"processor", "threads", "CUDA", "depthwise library", "precision on CPU", "cache"} < set(found)
    sets = library.instruction_sets()
    assert (library.SETS[sets[0]] if sets else "not built") in found["depthwise library"]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "load", lambda: None)
    found = told()
    assert "not built" in found["depthwise library"]
    assert "float32" in found["precision on CPU"]


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "cannot be imported" in told()["ray"]


def test_what_latency_can_be_measured_with(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told()["latency onnxruntime"].startswith("onnxruntime ")
    monkeypatch.setattr("nas.latency.backends.base.find_spec", lambda name: None)
    assert told()["latency openvino"] == "none: pip install 'nas-search[openvino]'"


def test_the_command() -> None:
    app = typer.Typer()
    app.command()(doctor.main)
    done = CliRunner().invoke(app)
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == len(told())


def test_the_allocator_is_told() -> None:
    assert ("glibc" in told()["allocator"]) == is_glibc()


def test_what_was_measured_about_pointwise_convolutions_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "stored", dict)
    assert "measured yet" in told()["1x1 convolutions"]
    answers = {"pointwise-bfloat16-map2": {"answer": True, "ratio": 1.31}}
    monkeypatch.setattr(choices, "stored", lambda: answers)
    assert told()["1x1 convolutions"] == "bfloat16 on maps to 2: products (1.31)"
