"""The modules of the Inception family."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.googlenet import Inception as Googles
from torchvision.models.inception import InceptionC

from blocks import Inception, UserError
from tests.references import randomise

norm = partial(nn.BatchNorm2d, eps=0.001)


def alike(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    randomise(ours)
    theirs.double().load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    torch.testing.assert_close(ours(x), theirs.eval()(x))


def test_it_is_googlenets_second_module() -> None:
    """Table 1, row 3b; torchvision has a 3x3 in the place of the 5x5."""
    block = Inception(480, kernel=3, one=128, reduce_three=128, three=192, reduce_wide=32, wide=96).canonical(
        256
    )
    theirs = Googles(256, 128, 128, 192, 32, 96, 64)
    alike(block.build(256, norm), theirs, torch.randn(2, 256, 7, 7, dtype=torch.float64))


def test_the_line_form_is_inception_v3s() -> None:
    block = Inception(
        768, kernel=7, one=192, reduce_three=128, three=192, reduce_wide=128, wide=192, form="line"
    )
    block = block.canonical(768)
    alike(block.build(768, norm), InceptionC(768, 128), torch.randn(1, 768, 9, 9, dtype=torch.float64))


def test_the_first_module_of_googlenet_needs_no_widths() -> None:
    given = Inception(256, one=64, reduce_three=96, three=128, reduce_wide=16, wide=32)
    assert given.canonical(192) == Inception(256)
    assert given.widths().pooled == 32


def test_a_stride_pools_before_the_module() -> None:
    """As GoogLeNet does: the module sees the pooled map, so that a stride of 1 on it is the same."""
    strided, plain = (Inception(64, stride=s).build(16, nn.BatchNorm2d) for s in (2, 1))
    randomise(strided), randomise(plain)
    x = torch.randn(1, 16, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(strided(x), plain(nn.functional.max_pool2d(x, 3, 2, 1)))


@pytest.mark.parametrize(
    "block", [Inception(4), Inception(64, three=64), Inception(64, one=16, three=33, wide=16)]
)
def test_branches_that_do_not_fit_are_refused(block: Inception) -> None:
    with pytest.raises(UserError, match="pooled branch"):
        block.canonical(16)
