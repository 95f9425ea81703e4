"""The formats beside ONNX, where their libraries are installed: the numbers are torch's, and the card's lines run."""

import json
from pathlib import Path

import pytest
import torch

from nas.common.errors import UserError
from nas.export import export
from nas.export.formats import FORMATS
from nas.export.request import FORMATS as NAMES
from nas.networks.checkpoint import load
from tests.nas.export.small import SIDE, run_card

SLOW = (
    "torch-export",
    "executorch",
    "litert",
)  # their libraries take long to be imported or to lower a network
OTHERS = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES if name != "onnx"
]


def test_every_name_has_a_format() -> None:
    assert tuple(FORMATS) == NAMES


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_agrees_with_torch_and_runs_as_its_card_says(name: str, copied: Path, picture: Path) -> None:
    if FORMATS[name].missing():
        pytest.skip(f"{name} is not installed")
    done = export(copied, format=name)
    assert done.compared == 100 and done.differs <= 1e-4 and done.path.suffix == FORMATS[name].suffix
    said = run_card(done.card, picture)
    assert [line.split()[1] for line in said] == [
        line.split()[1] for line in run_card_of_torch(copied, picture)
    ]


def run_card_of_torch(checkpoint: Path, picture: Path) -> list[str]:
    """What the checkpoint itself says of a picture, best first, as a card prints it."""
    from nas.data.pictures import decode

    found = load(checkpoint)
    pixels = torch.from_numpy(decode(picture.read_bytes(), SIDE).copy()).float() / 255
    x = ((pixels - torch.tensor(found.card.mean)) / torch.tensor(found.card.std)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        shares = found.network()(x).softmax(1)[0]
    return [f"{shares[at]:7.2%}  {found.card.classes[at]}" for at in shares.argsort(descending=True)[:5]]


def test_a_torch_file_takes_any_number_and_says_what_it_is(copied: Path) -> None:
    done = export(copied, format="torch-export")
    extra = {"nas.json": ""}
    module = torch.export.load(done.path, extra_files=extra).module()
    assert [module(torch.zeros(count, 3, SIDE, SIDE)).shape[0] for count in (1, 5)] == [1, 5]
    assert json.loads(extra["nas.json"])["network"] == load(copied).card.network


def test_a_missing_library_is_one_line_that_names_the_extra(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.export.formats.find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"litert_torch, which is not installed: pip install 'nas-search\[litert\]'"
    ):
        export(copied, format="litert")
