"""Networks for images of any number of channels: built, counted by hand, described, timed; weights brought to them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import nn

import nas
from nas.common.errors import UserError
from nas.describe.layers import describe
from nas.engine.regime import Regime
from nas.latency import Conditions
from nas.latency.table.file import dumps, find_for
from nas.latency.timing.modules import built
from nas.networks import checkpoint
from nas.networks.building import build
from nas.networks.cost import default_table, part_keys
from nas.networks.pretrained import channels_told, fetch, put_in
from nas.networks.references import parse, reference
from nas.train.recipe import Fidelity
from search_spaces import Arch, zoo
from tests.nas.latency.table.synthetic import fingerprint

SMALL = Arch.parse("stem8-ir16")
ANY = (1, 2, 3, 4, 6, 12)


@pytest.mark.parametrize("channels", ANY)
def test_a_cost_by_hand(channels: int) -> None:
    """stem8-ir16 at 8 x 8 with 5 classes: of all its parts the stem alone, 3x3 on the image, follows the channels."""
    found = nas.cost(SMALL, 8, 5, channels)
    assert found.macs == 9 * channels * 8 * 16 + 9 * 8 * 16 + 8 * 16 * 16 + 16 * 5
    assert found.params == (9 * channels * 8 + 16) + (9 * 8 + 16) + (8 * 16 + 32) + (16 * 5 + 5)
    assert found.activations == nas.cost(SMALL, 8, 5).activations
    assert found.weights - nas.cost(SMALL, 8, 5).weights == 72 * (channels - 3)


def test_the_image_itself_is_memory() -> None:
    """At 64 x 64 the stem needs its image and what it puts out, 8 x 32 x 32, at once."""
    assert [nas.cost(SMALL, 64, 5, n).memory for n in (1, 6, 12)] == [
        max(n * 64**2 + 8 * 32**2, (8 + 16) * 32**2) for n in (1, 6, 12)
    ]


def test_three_channels_are_what_they_were() -> None:
    arch = zoo.get("mobilenet_v2")
    assert nas.cost(arch) == nas.cost(arch, 224, 1000, 3) and nas.cost(arch).params == 3_504_872
    assert part_keys(arch, 224, 1000)[0][1] == 3
    assert default_table().missing([SMALL], 8, 5, 7)[0][1] == 7


@pytest.mark.parametrize("channels", ANY)
@pytest.mark.parametrize("text", [str(SMALL), "torchvision:mobilenet_v3_small", "torchvision:squeezenet1_1"])
def test_what_is_counted_is_built(text: str, channels: int) -> None:
    model = parse(text)
    made = build(model, 5, 64, channels).eval()
    assert made(torch.zeros(2, channels, 64, 64)).shape == (2, 5)
    assert sum(one.numel() for one in made.parameters()) == nas.cost(model, 64, 5, channels).params
    found = describe(model, 64, 5, channels)
    assert found.layers[0].channels == channels and sum(row.macs for row in found.layers) == found.total.macs


def test_timms_networks_too() -> None:
    pytest.importorskip("timm")
    model = reference("timm:mobilenetv3_small_050")
    assert model.build(5, 64, 6).eval()(torch.zeros(1, 6, 64, 64)).shape == (1, 5)
    assert model.cost(64, 5, 6).macs - model.cost(64, 5).macs == 3 * 9 * 16 * 32 * 32


def regime(**changes: object) -> Regime:
    return replace(Regime(fidelity=Fidelity(1.0, 1.0, 64), classes=5), **changes)  # type: ignore[arg-type]


def test_the_target_names_other_channels() -> None:
    assert regime().target == "224x224, 1000 classes, batch 1"
    six = regime(channels=6, target_channels=6)
    assert six.target == "224x224, 1000 classes, 6 channels, batch 1" and six.costed == (224, 1000, 6)
    assert six.other_targets == {"as in the papers": (224, 1000, 3), "as trained and shipped": (64, 5, 6)}
    with pytest.raises(UserError, match="--channels 0: expected from 1 to 1024"):
        regime(channels=0)


def test_runs_stored_before_there_were_channels_open() -> None:
    stored = json.loads(regime().to_json())
    del stored["channels"], stored["target_channels"]
    opened = Regime.from_json(json.dumps(stored))
    assert (opened.channels, opened.target_channels) == (None, 3) and opened == regime()


# Latency ---------------------------------------------------------------------------------------------------


def test_a_latency_is_of_so_many_channels() -> None:
    three, six = fingerprint(), fingerprint(channels=6)
    assert "channel" not in f"{three} {three.key}"
    assert str(six) == f"{three}, 6 channels" and six.key == f"{three.key}-6ch"
    assert built(SMALL, replace(Conditions(resolution=32, classes=5), channels=6))[1].shape == (1, 6, 32, 32)


def test_tables_of_three_channels_keep_their_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs know theirs by its digest."""
    from nas.latency.table.file import load, named_path, save
    from tests.nas.latency.table.synthetic import table

    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path))
    made = table()
    assert '"channels"' not in dumps(made)
    save(made, named_path("board"))
    assert load(named_path("board")) == made == find_for("board", 32, 10)
    with pytest.raises(UserError, match="for images of 3 channels, the data have 6"):
        find_for("board", 32, 10, 6)
    six = replace(made, timings=replace(made.timings, fingerprint=fingerprint(channels=6)))
    save(six, named_path("six"))
    assert load(named_path("six")).fingerprint.channels == 6


# Weights ---------------------------------------------------------------------------------------------------


def given_file(path: Path, channels: int = 3) -> tuple[Path, nn.Module]:
    torch.manual_seed(0)
    card = checkpoint.Card(
        network=str(SMALL),
        classes=("cat", "dog"),
        resolution=32,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        colours=checkpoint.colours_of(channels),
    )
    model = build(SMALL, 2, 32, channels)
    checkpoint.save(path, card, model)
    return path, model.eval()


def test_a_checkpoint_is_of_so_many_channels(tmp_path: Path) -> None:
    path, model = given_file(tmp_path / "six.safetensors", 6)
    found = checkpoint.load(path)
    assert found.card.channels == 6 and found.card.colours == "bands"
    x = torch.randn(1, 6, 32, 32)
    assert torch.equal(found.network()(x), model(x))
    with pytest.raises(UserError, match="colours 'RGB': expected bands, of 6 channels"):
        replace(found.card, colours="RGB")


def test_cards_of_before_are_of_colours() -> None:
    card = checkpoint.Card(network=str(SMALL), classes=("a",), resolution=32, mean=(0.5,) * 3, std=(1.0,) * 3)
    assert asdict(card)["colours"] == "RGB" and card.channels == 3


def test_weights_of_colours_serve_one_channel_as_grey(tmp_path: Path) -> None:
    """The network says of a grey image what it says of it in three equal channels."""
    path, colour = given_file(tmp_path / "m.safetensors")
    given, grey = fetch(str(path)), build(SMALL, 2, 32, 1).eval()
    assert not put_in(grey, SMALL, given, ("cat", "dog"))
    x = torch.randn(2, 1, 32, 32)
    assert torch.allclose(grey(x), colour(x.repeat(1, 3, 1, 1)), atol=1e-6)
    assert channels_told(given, 1) and not channels_told(given, 3)


def test_weights_of_colours_serve_more_channels(tmp_path: Path) -> None:
    """As timm does: the kernels in turn, times 3 / 6; a six-channel image of the same colours twice is the same."""
    path, colour = given_file(tmp_path / "m.safetensors")
    six = build(SMALL, 2, 32, 6).eval()
    put_in(six, SMALL, fetch(str(path)), ("cat", "dog"))
    x = torch.randn(2, 3, 32, 32)
    assert torch.allclose(six(x.repeat(1, 2, 1, 1)), colour(x), atol=1e-6)


def test_timms_rule_is_timms(tmp_path: Path) -> None:
    """A file in timm's layout, into seven channels, against timm's own."""
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file
    from timm.models._manipulate import adapt_input_conv

    torch.manual_seed(0)
    theirs = timm.create_model("mobilenetv3_small_050", num_classes=2)
    save_file(dict(theirs.state_dict()), tmp_path / "timm.safetensors")
    network = reference("timm:mobilenetv3_small_050")
    for channels in (1, 2, 5, 7):
        mine = network.build(2, 64, channels)
        put_in(mine, network, fetch(str(tmp_path / "timm.safetensors")), ("cat", "dog"))
        expected = adapt_input_conv(channels, theirs.conv_stem.weight)
        assert torch.allclose(mine.conv_stem.weight, expected)  # type: ignore[union-attr, arg-type]
    ours = zoo.get("mobilenet_v2", 0.5)
    with pytest.raises(UserError):
        put_in(build(ours, 2, 64, 5), ours, fetch(str(tmp_path / "timm.safetensors")), ("cat", "dog"))
