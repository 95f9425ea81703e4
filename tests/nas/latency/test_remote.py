"""A device of its own: the archive runs without the project, is resumed, and what it leaves can be imported."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nas.common.errors import UserError
from nas.latency import Conditions, remote
from nas.latency.table.building import Agenda
from nas.latency.table.entries import keys_of
from nas.latency.table.file import load, space_id
from search_spaces import Arch, spaces

SMALL = Conditions(resolution=32, classes=10)
WHOLES = (
    (Arch.parse("stem8-ir8-head"), "calibration"),
    (Arch.parse("stem8-ir8-ir16_s2-head"), "calibration"),
    (Arch.parse("stem8-2xir8-head"), "held out"),
)
KEYS = tuple(dict.fromkeys(key for arch, _ in WHOLES for key in keys_of(arch, SMALL)))
AGENDA = Agenda(WHOLES, KEYS, KEYS)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("board") / "board.pyz"
    remote.write(file, spaces.get(), AGENDA, SMALL)
    return file


@pytest.fixture(scope="module")
def done(written: Path) -> Path:
    """The folder of an archive that was run once, on "my board", to its end."""
    ended = run(written, "--device", "my board")
    assert ended.returncode == 0, ended.stderr
    return written.parent


@pytest.fixture
def archive(done: Path, tmp_path: Path) -> Path:
    """One beside its answer."""
    return Path(shutil.copytree(done, tmp_path / "copy")) / "board.pyz"


def run(archive: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """As on a device: in another folder, without this project's path."""
    command = [sys.executable, "-I", str(archive), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=archive.parent)


def answered(archive: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(archive.with_suffix(".json").read_text())
    return content


def test_the_archive_needs_nothing_of_the_project(written: Path) -> None:
    with zipfile.ZipFile(written) as content:
        sources = [content.read(name).decode() for name in content.namelist() if name.endswith(".py")]
    assert len(sources) == 4
    for source in sources:
        assert "from nas" not in source and "import nas" not in source
        compile(source, "source", "exec")


def test_a_device_answers_with_a_table_that_can_be_imported(archive: Path) -> None:
    table = load(archive.with_suffix(".json"))
    assert table.fingerprint.device == "my board"
    assert table.fingerprint.conditions == SMALL
    assert table.timings.space == space_id(spaces.get())
    assert len(table.timings.parts) == len(KEYS)
    assert [whole.arch for whole in table.timings.networks] == [str(arch) for arch, _ in WHOLES]
    assert [whole.role for whole in table.timings.networks] == [role for _, role in WHOLES]
    assert table.predict(WHOLES[0][0]).ms > 0


def test_a_device_that_was_stopped_goes_on(archive: Path) -> None:
    whole = answered(archive)
    lost = sorted(whole["parts"])[:2]
    kept = {name: ratio for name, ratio in whole["parts"].items() if name not in lost}
    archive.with_suffix(".json").write_text(json.dumps({**whole, "parts": kept}))
    assert run(archive, "--device", "my board").returncode == 0
    again = answered(archive)
    assert {name: again["parts"][name] for name in kept} == kept
    assert set(again["parts"]) == set(whole["parts"])
    assert again["networks"] == whole["networks"]


def test_the_answer_of_another_device_is_not_continued(archive: Path) -> None:
    refused = run(archive, "--device", "another")
    assert refused.returncode == 1
    assert "is of another device" in refused.stderr
    assert answered(archive)["fingerprint"]["device"] == "my board"


def test_weights_pack_well_and_keep_their_sizes(tmp_path: Path) -> None:
    arch = Arch.parse("stem8-ir8-head960_f1280")
    file = tmp_path / "large.pyz"
    remote.write(file, spaces.get(), Agenda(((arch, "calibration"),), (), ()), Conditions(resolution=32))
    with zipfile.ZipFile(file) as content:
        sizes = {entry.filename: entry.file_size for entry in content.infolist()}
    assert sizes["models/network0.onnx"] > 4 * (8 * 960 + 960 * 1280 + 1280 * 1000)
    assert file.stat().st_size < 0.05 * sum(sizes.values())


def test_a_backend_without_onnx_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="onnxruntime or openvino"):
        remote.write(tmp_path / "board.pyz", spaces.get(), AGENDA, Conditions("torch"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.board.pyz cannot be written"):
        remote.write(tmp_path / "nowhere" / "board.pyz", spaces.get(), AGENDA, SMALL)
