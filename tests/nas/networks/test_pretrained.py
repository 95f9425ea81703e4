"""nas.networks.pretrained: weights from elsewhere give the function that they gave there; what is none is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from nas.common.errors import UserError
from nas.networks import checkpoint
from nas.networks.building import build
from nas.networks.pretrained import NORMALISATIONS, Pretrained, fetch, put_in
from nas.networks.references import parse
from nas.networks.weights import in_order
from search_spaces import zoo

NAMES = tuple(map(str, range(1000)))
SMALL = "stem8-ir8_t1-ir16_t2_s2_se-head32"
CARD = checkpoint.Card(
    network=SMALL, classes=("cat", "dog"), resolution=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.3)
)


def images(size: int = 64) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def outputs(model: nn.Module, x: Tensor) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = model.eval()(x)
    return logits


def timm_model(name: str) -> nn.Module:
    made: nn.Module = pytest.importorskip("timm").create_model(name, pretrained=False)
    return made


def lively(model: nn.Module) -> nn.Module:
    """Batch norms of a fresh network such that its outputs are of the order of one."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            part.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 64, 64))
    return model.eval()


def test_the_packaged_weights_give_timms_logits() -> None:
    given = fetch("packaged:efficientnet_lite0")
    ours = build(zoo.get("efficientnet_lite0"))
    assert not put_in(ours, zoo.get("efficientnet_lite0"), given, NAMES)
    theirs = timm_model("efficientnet_lite0")
    values = [value for name, value in given.state.items() if not name.endswith("num_batches_tracked")]
    names = [name for name in theirs.state_dict() if not name.endswith("num_batches_tracked")]
    theirs.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
    x = images(224)
    expected = outputs(theirs, x)
    assert expected.std() > 0.3
    assert (outputs(ours, x) - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (given.mean, given.std) == NORMALISATIONS["lite"]


LAYOUTS = {
    "torchvision mobilenet_v2": ("mobilenet_v2", models.mobilenet_v2),
    "torchvision mobilenet_v3_small": ("mobilenet_v3_small", models.mobilenet_v3_small),
    "torchvision shufflenet_v2": ("shufflenet_v2_figure_x0.5", models.shufflenet_v2_x0_5),
    "torchvision mnasnet": ("mnasnet_b1", models.mnasnet1_0),
    "timm efficientnet_lite0": ("efficientnet_lite0", lambda: timm_model("efficientnet_lite0")),
    "timm mobilenetv3_small": ("mobilenet_v3_small", lambda: timm_model("mobilenetv3_small_100")),
    "timm semnasnet": ("mnasnet_a1", lambda: timm_model("semnasnet_100")),
    "timm mobilenetv2": ("mobilenet_v2", lambda: timm_model("mobilenetv2_100")),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_sorted_entries_are_put_in_order(case: str) -> None:
    state = LAYOUTS[case][1]().state_dict()
    names = list(state)
    assert list(in_order(dict(sorted(state.items())))) == sorted(state, key=lambda name: _layer(name, names))


def _layer(name: str, names: list[str]) -> tuple[int, str]:
    """Where the layer of an entry stands; within it entries may stand in any order."""
    first = next(at for at, one in enumerate(names) if one.rpartition(".")[0] == name.rpartition(".")[0])
    return first, name


@pytest.mark.parametrize("kind", [".pth", ".safetensors"])
@pytest.mark.parametrize("case", ["torchvision mobilenet_v3_small", "timm mobilenetv3_small"])
def test_a_file_of_a_librarys_layout_gives_its_logits(case: str, kind: str, tmp_path: Path) -> None:
    name, make = LAYOUTS[case]
    theirs, file, arch = lively(make()), tmp_path / f"weights{kind}", zoo.get(name)
    state = {key: value.contiguous() for key, value in theirs.state_dict().items()}
    if kind == ".pth":
        torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, file)
    else:
        save_file(state, file)
    norm = next(part for part in theirs.modules() if isinstance(part, nn.BatchNorm2d))
    arch, given = replace(arch, eps=norm.eps), fetch(str(file))
    ours = build(arch)
    assert not put_in(ours, arch, given, NAMES)
    assert (outputs(ours, images()) - outputs(theirs, images())).abs().max() < 1e-4
    assert "not say how its images were normalised" in given.told


@pytest.mark.parametrize("network", [SMALL, "torchvision:shufflenet_v2_x0_5"])
def test_other_classes_have_a_new_classifier(network: str, tmp_path: Path) -> None:
    file, card = tmp_path / "m.safetensors", replace(CARD, network=network)
    trained = lively(card.build())
    checkpoint.save(file, card, trained)
    given = fetch(str(file))
    assert (given.mean, given.std) == (CARD.mean, CARD.std)
    for classes, anew in ((("cat", "dog"), False), (("dog", "cat"), True), (("a", "b", "c"), True)):
        model = build(parse(network), len(classes), 32)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        assert put_in(model, parse(network), given, classes) == anew
        after, theirs = model.state_dict(), trained.state_dict()
        *rest, weight, bias = after
        assert all(torch.equal(after[name], theirs[name]) for name in rest)
        expected = before if anew else theirs
        assert all(torch.equal(after[name], expected[name]) for name in (weight, bias))


def test_a_trainings_folder_stands_for_its_checkpoint(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "model.safetensors", CARD, CARD.build())
    assert fetch(str(tmp_path)).network == SMALL


class Malicious:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("harm"),))


def spoilt(how: str, folder: Path) -> Path:
    """A file that is not the weights of SMALL with two classes."""
    model, file = CARD.build(), folder / "w.pth"
    state = model.state_dict()
    if how == "malicious pickle":
        file.write_bytes(pickle.dumps(Malicious(), protocol=2))
    elif how == "malicious archive":
        torch.save({"weight": Malicious()}, file)
    elif how == "no tensors":
        torch.save([1, 2, 3], file)
    elif how == "a number":
        torch.save(dict(state) | {"stem.0.weight": 3}, file)
    elif how == "missing":
        del state["blocks.1.layers.0.0.weight"]
        torch.save(state, file)
    elif how == "not finite":
        state["stem.0.weight"][0] = float("nan")
        torch.save(state, file)
    elif how == "truncated":
        torch.save(state, file)
        file.write_bytes(file.read_bytes()[:2000])
    elif how == "empty":
        file.write_bytes(b"")
    else:
        file = folder / "w.safetensors"
        if how == "another arch":
            card = replace(CARD, network="stem8-ir8_t1-head32")
            checkpoint.save(file, card, card.build())
        elif how == "truncated safetensors":
            checkpoint.save(file, CARD, model)
            file.write_bytes(file.read_bytes()[:-9])
        elif how == "newer":
            checkpoint.save(file, CARD, model)
            whole = file.read_bytes()
            spelt = b'\\"version\\": '
            assert whole.count(spelt + b"1") == 1
            file.write_bytes(whole.replace(spelt + b"1", spelt + b"9"))
    return file


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ("malicious pickle", "cannot be read as weights alone"),
        ("malicious archive", "cannot be read as weights alone"),
        ("no tensors", "expected a state dict"),
        ("a number", "expected a tensor"),
        ("missing", "not those of"),
        ("not finite", "not finite"),
        ("truncated", "cannot be read"),
        ("empty", "cannot be read"),
        ("another arch", "holds the weights of stem8-ir8_t1-head32, not of"),
        ("truncated safetensors", "not a whole one"),
        ("newer", "newer version"),
        ("nowhere", "no such file"),
    ],
)
def test_what_is_no_weights_of_it_is_refused(
    how: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=named) as refused:
        given = fetch(str(spoilt(how, tmp_path)))
        put_in(CARD.build(), parse(SMALL), given, CARD.classes)
    assert len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "harm").exists()


def offline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """No network, whatever this machine has, and nothing fetched before."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(folder))


def test_torchvisions_weights_are_read_from_where_they_are_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, tmp_path)
    with pytest.raises(UserError) as refused:
        fetch("torchvision:shufflenet_v2_x0_5")
    said = str(refused.value)
    place = tmp_path / "checkpoints" / said.rpartition("/")[2]
    assert said.endswith(f"put it at {place}") and "bring https://" in said and "\n" not in said
    theirs = lively(models.shufflenet_v2_x0_5())
    place.parent.mkdir(exist_ok=True)
    torch.save(theirs.state_dict(), place)
    given = fetch("torchvision:shufflenet_v2_x0_5")
    assert (given.mean, given.std) == NORMALISATIONS["imagenet"]
    for text in ("torchvision:shufflenet_v2_x0_5", "shufflenet_v2_figure_x0.5"):
        network = parse(text) if ":" in text else zoo.get(text)
        model = build(network)
        put_in(model, network, given, NAMES)
        assert (outputs(model, images()) - outputs(theirs, images())).abs().max() < 1e-4
    place.write_bytes(place.read_bytes()[:5000])
    with pytest.raises(UserError, match="cannot be read as the weights of"):
        fetch("torchvision:shufflenet_v2_x0_5")


def test_timms_weights_that_cannot_be_fetched_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    offline(monkeypatch, tmp_path)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"bring https://huggingface\S+ and give it as --init FILE$"):
        fetch("timm:efficientnet_lite0")


@pytest.mark.parametrize("source", ["torchvision:no_such", "timm:no_such", "packaged:resnet50"])
def test_unknown_names_are_refused(source: str) -> None:
    with pytest.raises(UserError):
        fetch(source)


def test_weights_of_ours_are_not_taken_for_a_like_network() -> None:
    given = Pretrained("there", CARD.build().state_dict(), CARD.mean, CARD.std)
    other = parse("stem8-ir8_t1-ir24_t2_s2_se-head32")
    with pytest.raises(UserError, match="not the weights of"):
        put_in(build(other, 2, 32), other, given, CARD.classes)
