"""Any pair of archs: shapes, what is said to be kept, what is refused, and cases worked out by hand."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import nas
from blocks import BLOCKS, Block, UserError
from nas.networks.building import Network
from nas.networks.inherit import Inheritance, inherit
from nas.networks.inherit.inheriting import planned
from search_spaces import Arch
from tests import strategies
from tests.examples import few
from tests.nas.networks.inherit.nets import CLASSES, SIDE, child_of, of_kind, parent_of, pictures


def outputs(network: nn.Module, names: list[str], x: Tensor) -> dict[str, Tensor]:
    """Of these layers of a network."""
    found: dict[str, Tensor] = {}
    for name in names:

        def note(_: nn.Module, __: object, out: Tensor, name: str = name) -> None:
            found[name] = out.clone()  # activations behind it write into it

        network.get_submodule(name).register_forward_hook(note)
    with torch.no_grad():
        network(x)
    return found


def check_pair(arch: Arch, other: Arch) -> Inheritance:
    """Inherit, and hold the report to account: what is kept is computed as in the parent."""
    parent, child = parent_of(arch), child_of(other)
    x = pictures()
    with torch.no_grad():
        assume(parent(x).isfinite().all())
    shapes = {name: value.shape for name, value in child.state_dict().items()}
    bequest = planned(parent, child, x, classifier=True)
    told = inherit(parent, child, x)
    assert {name: value.shape for name, value in child.state_dict().items()} == shapes
    assert all(value.isfinite().all() for value in child.state_dict().values())
    kept = [name for name in bequest.kept if "reduce" not in name and "expand" not in name]
    theirs = outputs(parent, [bequest.carried[name].source.name for name in kept], x)
    for name, mine in outputs(child, kept, x).items():
        rows = bequest.carried[name].outs
        expected = theirs[bequest.carried[name].source.name][:, rows[rows >= 0]]
        scale = expected.abs().max().item()
        torch.testing.assert_close(mine[:, rows >= 0], expected, rtol=1e-7, atol=1e-9 * scale + 1e-12)
    check_shares(child, told)
    return told


def check_shares(child: Network, told: Inheritance) -> None:
    assert {one.layer for one in told.layers} == {
        name for name, part in child.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)
    }
    for one in told.layers:
        assert 0 <= one.share <= 1
        assert (one.share == 0) == (one.parent is None)
        assert one.numbers == child.get_parameter(f"{one.layer}.weight").numel()
    assert 0 < told.share <= 1


@pytest.mark.parametrize("kind", BLOCKS.values(), ids=BLOCKS)
@settings(max_examples=few(25))
@given(data=st.data())
def test_any_two_of_one_kind(kind: type[Block], data: st.DataObject) -> None:
    check_pair(data.draw(of_kind(kind)), data.draw(of_kind(kind)))


@settings(max_examples=few(25))
@given(strategies.archs(), strategies.archs())
def test_any_two_archs(arch: Arch, other: Arch) -> None:
    check_pair(arch, other)


def pair(arch: str, other: str, classes: int = CLASSES) -> tuple[Network, Network]:
    return parent_of(Arch.parse(arch)), child_of(Arch.parse(other), classes)


def part(network: Network, name: str) -> Tensor:
    return network.get_parameter(f"{name}.weight").detach()


def test_a_kernel_is_cropped_to_its_middle() -> None:
    parent, child = pair("stem8-ir8_k7_t2", "stem8-ir8_k3_t2")
    told = inherit(parent, child, pictures())
    depthwise = "blocks.0.layers.1.0"
    assert torch.equal(part(child, depthwise), part(parent, depthwise)[:, :, 2:5, 2:5])
    kept = {one.layer: one.statistics for one in told.layers}
    assert kept["stem.0"] == kept["blocks.0.layers.0.0"] == "kept"
    assert kept[depthwise] == kept["blocks.0.layers.2.0"] == "corrected"
    assert told.share == 1


def test_a_kernel_is_embedded_in_zeros() -> None:
    parent, child = pair("stem8-ir8_k3_t2", "stem8-ir8_k5_t2")
    told = inherit(parent, child)
    found = part(child, "blocks.0.layers.1.0")
    assert torch.equal(found[:, :, 1:4, 1:4], part(parent, "blocks.0.layers.1.0"))
    assert found.count_nonzero() == 16 * 9
    assert {one.layer: one.share for one in told.layers}["blocks.0.layers.1.0"] == 9 / 25


def test_inner_channels_are_kept_by_importance() -> None:
    """By the last norm's scale times the norm of what reads it: here by each alone."""
    parent, child = pair("stem8-ir8_e32", "stem8-ir8_e16")
    important = torch.tensor([1, 2, 3, 5, 8, 13, 21, 31, 0, 4, 6, 10, 11, 12, 14, 30]).sort().values
    with torch.no_grad():
        scale, reader = (
            parent.get_parameter("blocks.0.layers.1.1.weight"),
            part(parent, "blocks.0.layers.2.0"),
        )
        reader /= reader.flatten(1).norm(dim=0)[None, :, None, None]
        scale.fill_(1)
        scale[important[:8]] = -10
        reader[:, important[8:]] *= 9
    told = inherit(parent, child, pictures())
    assert torch.equal(part(child, "blocks.0.layers.0.0"), part(parent, "blocks.0.layers.0.0")[important])
    assert torch.equal(part(child, "blocks.0.layers.1.0"), part(parent, "blocks.0.layers.1.0")[important])
    assert torch.equal(part(child, "blocks.0.layers.2.0"), part(parent, "blocks.0.layers.2.0")[:, important])
    mean = "blocks.0.layers.1.1.running_mean"
    assert torch.equal(child.get_buffer(mean), parent.get_buffer(mean)[important])
    assert [one.statistics for one in told.layers] == ["kept", "kept", "kept", "corrected", "none"]


def test_a_trunk_is_cut_alike_along_its_shortcuts() -> None:
    arch = "stem16-ir32_t2_s2-2xir32_t3-head40"
    parent, child = pair(arch, arch.replace("ir32", "ir24"))
    inherit(parent, child, pictures())
    first = part(parent, "blocks.0.layers.2.0")
    rows = [int((first == row).flatten(1).all(1).nonzero()) for row in part(child, "blocks.0.layers.2.0")]
    assert len(set(rows)) == 24 and rows == sorted(rows) and rows != list(range(24))
    wider = torch.tensor(rows)
    for block in (1, 2):
        reads, makes = f"blocks.{block}.layers.0.0", f"blocks.{block}.layers.2.0"
        theirs = part(parent, reads)[:, wider]
        assert all((theirs == row).flatten(1).all(1).any() for row in part(child, reads))
        assert part(child, makes).shape[0] == 24
        norm = f"blocks.{block}.layers.2.1.bias"
        assert torch.equal(child.get_parameter(norm), parent.get_parameter(norm)[wider])
    assert torch.equal(part(child, "head.conv.0"), part(parent, "head.conv.0")[:, wider])


def test_blocks_that_come_and_go_are_told() -> None:
    three, two = "stem8-ir16_t2_s2-2xir16_t2", "stem8-ir16_t2_s2-ir16_t2"
    told = inherit(*pair(three, two), pictures())
    assert told.notes == ("the parent's block 3 (ir16_t2): left out",)
    assert told.share == 1
    assert "100.0 %" in str(told) and "left out" in str(told)
    parent, child = pair(two, three)
    told = inherit(parent, child)
    assert told.notes == ("block 3 (ir16_t2): added closed, as its shortcut alone",)
    assert not part(child, "blocks.2.layers.2.1").any()


def test_a_left_out_block_leaves_the_first_of_its_stage() -> None:
    parent, child = pair(
        "stem8-ir16_s2-2xir16_t2-ir16_k5_t3-ir24_t2_s2", "stem8-ir16_s2-ir16_k7_t2-ir24_t2_s2"
    )
    told = inherit(parent, child, pictures())
    assert {one.layer: one.parent for one in told.layers}["blocks.1.layers.1.0"] == "blocks.1.layers.1.0"
    assert {one.layer: one.parent for one in told.layers}["blocks.2.layers.1.0"] == "blocks.4.layers.1.0"


def test_another_kind_of_block_inherits_nothing_and_says_so() -> None:
    told = inherit(
        *pair("stem16-ir16_t2-ir24_t2_s2-ir24_t2", "stem16-sg16_t2-ir24_t2_s2-ir24_t2"), pictures()
    )
    assert told.notes == (
        "block 1 (sg16_t2): nothing inherited, for the parent has no sg: closed, as its shortcut alone",
        "the parent's block 1 (ir16_t2): left out",
    )
    told = inherit(*pair("stem16-ir24_t2_s2-ir24_t2", "stem16-sg24_t2_s2-sg24_t2"), pictures())
    assert told.notes[0] == "block 1 (sg24_t2_s2): nothing inherited, for the parent has no sg: drawn anew"
    assert all(one.share == 0 for one in told.layers if one.layer.startswith("blocks"))
    assert "layers drawn anew" in str(told)


def test_a_block_that_expands_inherits_nothing_from_one_that_does_not() -> None:
    told = inherit(*pair("stem16-ir24_s2", "stem16-ir24_t3_s2"), pictures())
    assert told.notes == (
        "block 1 (ir24_t3_s2): nothing inherited, for it reads and makes other channels than ir24_s2: drawn anew",
    )
    told = inherit(*pair("stem16-ir24_t3_s2", "stem16-ir24_s2"), pictures())
    assert "other channels than ir24_t3_s2" in told.notes[0]


@pytest.mark.parametrize("gate", ["", "_sig", "_hsigopen"])
def test_a_squeeze_excite_is_added_open_and_can_close(gate: str) -> None:
    parent, child = pair("stem8-ir16_t3_s2", f"stem8-ir16_t3_s2_se{gate}")
    x = pictures()
    inherit(parent, child)
    torch.testing.assert_close(child(x), parent(x))
    child(x).square().sum().backward()
    slope = child.get_parameter("blocks.0.layers.2.expand.weight").grad
    assert slope is not None and slope.abs().max() > 1e-4


def test_a_squeeze_excite_is_dropped_with_its_mean_folded_in() -> None:
    parent, child = pair("stem8-ir16_t3_s2_se_HS-ir16_t3_se_HS", "stem8-ir16_t3_s2_se_HS-ir16_t3_HS")
    with pytest.raises(
        UserError, match=r"mean gate of the parent's blocks.1.layers.2, .* give a few hundred"
    ):
        inherit(parent, child)
    gates: list[Tensor] = []
    module = parent.get_submodule("blocks.1.layers.2.gate")
    handle = module.register_forward_hook(lambda _, __, out: gates.append(out.flatten(1)))
    parent(pictures())
    handle.remove()
    told = inherit(parent, child, pictures())
    read = part(child, "blocks.1.layers.2.0")
    assert gates[0].std(0).max() > 0
    torch.testing.assert_close(
        read, part(parent, "blocks.1.layers.3.0") * gates[0].mean(0).detach()[None, :, None, None]
    )
    assert told.share == 1


def test_an_activation_changes_and_the_weights_stay() -> None:
    parent, child = pair("stem8-ir16_t2_s2-ir16_t2", "stem8-ir16_t2_s2-ir16_t2_HS")
    told = inherit(parent, child, pictures())
    assert told.share == 1 and not told.notes
    assert all(torch.equal(value, child.get_parameter(name)) for name, value in parent.named_parameters())
    measured = [one.layer for one in told.layers if one.statistics == "corrected"]
    assert measured == ["blocks.1.layers.1.0", "blocks.1.layers.2.0"]


def test_groups_take_what_lies_within_them() -> None:
    parent, child = pair("stem8-ir16_t3_s2", "stem8-ir16_t3_s2_g2")
    inherit(parent, child, pictures())
    theirs, mine = part(parent, "blocks.0.layers.0.0"), part(child, "blocks.0.layers.0.0")
    assert torch.equal(mine, torch.cat((theirs[:12, :4], theirs[12:, 4:])))


def test_grouped_layers_are_cut_group_by_group() -> None:
    parent, child = pair("stem8-ir16_e48_s2_g2", "stem8-ir16_e24_s2_g2")
    inherit(parent, child, pictures())
    theirs, mine = part(parent, "blocks.0.layers.0.0"), part(child, "blocks.0.layers.0.0")
    rows = [[int(i) for i in (theirs == row).flatten(1).all(1).nonzero()] for row in mine]
    assert all(len(row) == 1 for row in rows)
    assert [row[0] // 24 for row in rows] == [0] * 12 + [1] * 12


def test_a_convolution_of_one_channel_is_no_depthwise_one() -> None:
    """Of one channel it looks like one: its channel is not the one that it reads."""
    arch, larger = "stem8-inc64_rb1_HS_line-inc64_HS", "stem8-inc64_rb2_HS_line-inc64_HS"
    parent, child = pair(arch, larger)
    inherit(parent, child)
    torch.testing.assert_close(child(pictures()), parent(pictures()))


@pytest.mark.parametrize("classes", [CLASSES, CLASSES + 2])
def test_a_classifier_of_other_classes_stays_as_it_was_made(classes: int) -> None:
    parent, child = pair("stem8-ir16_s2-head24", "stem8-ir16_s2-head24", classes)
    made = part(child, "head.classifier.0").clone()
    told = inherit(parent, child, classifier=False)
    assert torch.equal(part(child, "head.classifier.0"), made)
    assert told.layers[-1].parent is None and told.layers[-2].share == 1
    told = inherit(parent, child)
    assert (told.layers[-1].share == 1) == (classes == CLASSES)


def test_a_corrected_norm_gives_each_channel_the_mean_and_deviation_that_it_had() -> None:
    """Whatever the images are: each behind the ones before it as they have become."""
    parent, child = pair("stem16-ir24_t3_s2-2xir24_k5_t3_se-head40", "stem8-ir16_t2_s2-ir16_t3-head24")
    x = 3 * pictures(8) - 1
    bequest = planned(parent, child, x, classifier=True)
    told = inherit(parent, child, x)
    norms = [name for name, part in child.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert sum(one.statistics == "corrected" for one in told.layers) == len(norms) - 1  # all but the stem's
    assert len(bequest.carried) == len(norms) + 1
    sources = {
        one.layer.norm_name: (one.source.norm_name, one.outs)
        for one in bequest.carried.values()
        if one.layer.norm
    }
    mine = outputs(child, norms, x)
    theirs = outputs(parent, [str(source) for source, _ in sources.values()], x)
    for name in norms:
        source, rows = sources[name]
        assert (rows >= 0).all()
        expected = theirs[str(source)][:, rows]
        for moment in (torch.mean, torch.var):
            found = moment(mine[name], (0, 2, 3))
            torch.testing.assert_close(found, moment(expected, (0, 2, 3)), rtol=1e-3, atol=1e-3)


def test_new_channels_are_measured() -> None:
    parent, child = pair("stem8-ir16_e24_s2", "stem8-ir16_e40_s2")
    x = pictures()
    told = inherit(parent, child, x)
    assert [one.statistics for one in told.layers] == ["kept", "some", "some", "kept", "none"]
    norm = child.get_submodule("blocks.0.layers.1.1")
    values = outputs(child, ["blocks.0.layers.1.0"], x)["blocks.0.layers.1.0"]
    torch.testing.assert_close(norm.get_buffer("running_mean")[24:], values.mean((0, 2, 3))[24:])
    torch.testing.assert_close(norm.get_buffer("running_var")[24:], values.var((0, 2, 3))[24:])
    before = parent.get_buffer("blocks.0.layers.1.1.running_var")
    assert torch.equal(norm.get_buffer("running_var")[:24], before)


def test_modes_and_the_parent_stay_as_they_are() -> None:
    parent, child = pair("stem8-ir16_t3_s2_se", "stem8-ir16_t2_s2")
    parent.train()
    parent.head.eval()
    child.train()
    before = {name: value.clone() for name, value in parent.state_dict().items()}
    inherit(parent, child, pictures())
    assert parent.training and not parent.head.training and all(part.training for part in child.modules())
    assert all(torch.equal(value, before[name]) for name, value in parent.state_dict().items())


def test_in_single_precision_growing_keeps_the_function_to_1e_5() -> None:
    arch = "stem16_HS-ir16-ir24_t4_s2-ir24_t3-ir40_t3_s2-ir40_t3-head96_f64_HS"
    larger = (
        "stem32_k5_HS-ir32_k5-ir48_e80_s2_se-ir48_k5_e80-ir80_k5_e144_s2_se-2xir80_k5_e144_se-head160_f96_HS"
    )
    parent, child = parent_of(Arch.parse(arch)).float(), child_of(Arch.parse(larger)).float()
    x = pictures().float()
    inherit(parent, child)
    with torch.no_grad():
        expected = parent(x)
        assert expected.std() > 0.1
        torch.testing.assert_close(child(x), expected, rtol=1e-5, atol=1e-5)


def test_wrong_pairs_are_refused_in_one_line() -> None:
    arch = Arch.parse("stem8-ir16_k7_t2_s2")
    parent, child = parent_of(arch), child_of(Arch.parse("stem8-ir8_k5_t2_s2"))
    grey = nas.build(arch, CLASSES, SIDE, channels=1)
    broken = parent_of(arch)
    with torch.no_grad():
        broken.get_parameter("stem.0.weight")[0] = torch.nan
    cases: list[tuple[object, object, Tensor | None, str]] = [
        (nn.Linear(2, 2), child, None, "the parent is of the type Linear, expected a network of an arch"),
        (parent, nn.Identity(), None, "the child is of the type Identity"),
        (parent, parent, None, "one network"),
        (parent, grey, None, "images of 3 channels, the child for 1"),
        (broken, child, None, "stem.0.weight holds numbers that are not finite"),
        (parent, child, pictures()[:1], "images of the shape 1x3x24x24: expected"),
        (parent, child, pictures()[:, :2], "images of the shape 4x2x24x24: expected"),
        (parent, child, None, "statistics behind .* give a few hundred images"),
    ]
    made = {name: value.clone() for name, value in child.state_dict().items()}
    for one, other, images, said in cases:
        with pytest.raises(UserError, match=said) as told:
            inherit(one, other, images)  # type: ignore[arg-type]
        assert "\n" not in str(told.value)
    assert all(torch.equal(value, made[name]) for name, value in child.state_dict().items())
