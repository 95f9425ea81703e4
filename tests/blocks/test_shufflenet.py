"""The units of ShuffleNet: what their papers and official code say in particular."""

import pytest
import torch
from torch import Tensor, nn

from blocks import GroupShuffle, SplitShuffle, UserError
from tests import references


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def kinds(module: nn.Module, x: Tensor) -> list[str]:
    return [step.kind for step in references.steps(module, x)]


@pytest.mark.parametrize("groups", [2, 3, 4, 8])
def test_the_shuffle_is_the_papers(groups: int) -> None:
    """Section 3.1: channels reshaped to (g, n), transposed, flattened: channel j * g + i is i * n + j."""
    module = references.randomise(GroupShuffle(96, groups=groups).build(96, nn.BatchNorm2d))
    x = torch.randn(1, 96, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    steps = references.steps(module, x)
    made = next(step for step in steps if step.kind == "ReLU").given
    taken = [step for step in steps if step.kind == "Conv2d"][1].taken  # the depthwise's
    n = 24 // groups
    for i in range(groups):
        for j in range(n):
            assert torch.equal(taken[:, j * groups + i], made[:, i * n + j])


@pytest.mark.parametrize(("shuffle", "reached"), [(True, 48), (False, 16)])
def test_the_shuffle_mixes_the_groups(shuffle: bool, reached: int) -> None:
    """Figure 1: without it an output group sees its own input group alone."""
    block = GroupShuffle(48, groups=3, shuffle=shuffle)
    module = references.randomise(block.build(48, nn.BatchNorm2d)).train()
    x = torch.randn(4, 48, 4, 4, dtype=torch.float64, requires_grad=True)
    module(x)[:, :16].square().sum().backward()
    assert x.grad is not None
    assert int((x.grad.abs().amax((0, 2, 3)) > 0).sum()) == reached


@pytest.mark.parametrize("stride", [1, 2])
def test_v1_has_no_activation_behind_the_depthwise(stride: int) -> None:
    block = GroupShuffle(48 if stride == 1 else 96, stride=stride, groups=3)
    called = kinds(block.build(48, nn.BatchNorm2d), torch.zeros(1, 48, 8, 8))
    conv_norm = ["Conv2d", "BatchNorm2d"]
    assert called == [*conv_norm, "ReLU", "ChannelShuffle", *conv_norm, *conv_norm, "ReLU"]


@pytest.mark.parametrize(("channels", "stride"), [(240, 1), (120, 2), (24, 2)])
def test_v1_bottleneck_is_a_quarter_of_the_units_output(channels: int, stride: int) -> None:
    """Also in the unit of stride 2, whose branch makes out - in channels only."""
    first, depthwise, last = convolutions(
        GroupShuffle(240, stride=stride, groups=3).build(channels, nn.BatchNorm2d)
    )
    assert first.out_channels == depthwise.out_channels == depthwise.groups == 60
    assert last.out_channels == (240 if stride == 1 else 240 - channels)
    assert (first.groups, last.groups) == (3, 3)
    assert (first.stride, depthwise.stride, last.stride) == ((1, 1), (stride, stride), (1, 1))


def test_v1_first_pointwise_of_stage_2_is_dense() -> None:
    block = GroupShuffle(240, stride=2, groups=3, dense_first=True).canonical(24)
    assert [c.groups for c in convolutions(block.build(24, nn.BatchNorm2d))] == [1, 60, 3]


def test_v1_stride_2_keeps_the_averaged_input() -> None:
    """Figure 2c: average pooling 3x3 of stride 2 beside the branch."""
    module = references.randomise(GroupShuffle(96, stride=2).build(48, nn.BatchNorm2d))
    x = torch.rand(1, 48, 8, 8, dtype=torch.float64)
    expected = nn.functional.avg_pool2d(x, 3, 2, 1)
    torch.testing.assert_close(module(x)[:, :48], expected)


@pytest.mark.parametrize(
    ("block", "canonical"),
    [
        (GroupShuffle(48, shuffle=False), GroupShuffle(48)),
        (GroupShuffle(48, dense_first=True), GroupShuffle(48)),
        (GroupShuffle(48, groups=3, shuffle=False), GroupShuffle(48, groups=3, shuffle=False)),
        (GroupShuffle(48, groups=12, shuffle=False), GroupShuffle(48, groups=12)),  # groups of one channel
    ],
)
def test_one_function_has_one_text(block: GroupShuffle, canonical: GroupShuffle) -> None:
    assert block.canonical(48) == canonical


@pytest.mark.parametrize(
    ("block", "channels"),
    [
        (GroupShuffle(48), 64),  # narrows
        (GroupShuffle(48, stride=2), 48),  # nothing left to the branch
        (GroupShuffle(50), 50),  # no quarter
        (GroupShuffle(48, groups=5), 48),
        (GroupShuffle(240, stride=2, groups=8), 12),  # 228 channels of the branch in 8 groups
        (SplitShuffle(45), 45),
        (SplitShuffle(48, stride=2), 48),
        (SplitShuffle(48), 64),
    ],
)
def test_what_cannot_be_built_is_refused(block: GroupShuffle | SplitShuffle, channels: int) -> None:
    with pytest.raises(UserError, match=f"{block.token}: "):
        block.canonical(channels)


@pytest.mark.parametrize("figure", [False, True])
def test_v2_passes_half_of_the_channels(figure: bool) -> None:
    """Half of the output channels are the input's, unchanged; where they stand depends on the layout."""
    module = references.randomise(SplitShuffle(8, figure=figure).build(8, nn.BatchNorm2d))
    x = torch.randn(1, 8, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = module(x)
    where = {o: i for o in range(8) for i in range(8) if torch.equal(y[:, o], x[:, i])}
    if figure:  # first half of the input, at the even places behind the final shuffle
        assert where == {0: 0, 2: 1, 4: 2, 6: 3}
    else:  # official code: even channels of the input, first half of the output
        assert where == {0: 0, 1: 2, 2: 4, 3: 6}


@pytest.mark.parametrize(("figure", "left"), [(True, 58), (False, 24)])
def test_v2_stride_2_widths(figure: bool, left: int) -> None:
    """Paper and torchvision: half each; official code: the left branch as wide as the input."""
    block = SplitShuffle(116, stride=2, figure=figure).canonical(24)
    widths = [(c.in_channels, c.out_channels) for c in convolutions(block.build(24, nn.BatchNorm2d))]
    assert widths == [(24, 24), (24, left), (24, 58), (58, 58), (58, 116 - left)]


def test_v2_has_no_activation_behind_the_depthwise() -> None:
    called = kinds(SplitShuffle(16).build(16, nn.BatchNorm2d), torch.zeros(1, 16, 4, 4))
    conv_norm = ["Conv2d", "BatchNorm2d"]
    assert called == [*conv_norm, "ReLU", *conv_norm, *conv_norm, "ReLU"]
