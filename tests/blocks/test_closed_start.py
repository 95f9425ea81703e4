"""A block with a shortcut starts as the shortcut alone, and opens at the first step."""

from functools import partial

import pytest
import torch
from torch import nn

from blocks import Block
from blocks.options import decode
from blocks.register import BLOCKS

NORM = partial(nn.BatchNorm2d, eps=1e-5)


def _made(text: str) -> nn.Module:
    torch.manual_seed(0)
    block: Block = decode(BLOCKS[text[:2]], text, 0).canonical(16)
    return block.build(16, NORM)


@pytest.mark.parametrize("text", ["ir16_t4_se_HS", "ir16_t2_g2", "sg16_t2", "sg16_t2_se_g2"])
def test_a_linear_residual_block_is_the_identity(text: str) -> None:
    x = torch.randn(4, 16, 8, 8)
    assert torch.equal(_made(text)(x), x)


@pytest.mark.parametrize("text", ["gs16_g2", "rb16", "bz16"])
def test_one_that_activates_the_sum_is_the_activation(text: str) -> None:
    x = torch.randn(4, 16, 8, 8)
    assert torch.equal(_made(text)(x), x.relu())


def test_channels_that_no_shortcut_reaches_stay_open() -> None:
    x = torch.randn(4, 16, 8, 8)
    y = _made("sg16_t2_id2")(x)
    assert torch.equal(y[:, :8], x[:, :8])
    assert y[:, 8:].std() > 0.5
    wider = _made("bz24")(x)
    assert torch.equal(wider[:, :16], x.relu())
    assert wider[:, 16:].std() > 0.3


@pytest.mark.parametrize(
    "text", ["ir16_t4_bnact", "ir16_t4_noskip", "ir24_t4", "ir16_t4_s2", "sg16_t2_nodw2"]
)
def test_what_has_no_shortcut_or_ends_activated_is_open(text: str) -> None:
    x = torch.randn(4, 16, 8, 8)
    block = _made(text)
    y = block(x)
    assert y.shape != x.shape or (y - x).std() > 0.1
    assert all((norm.weight == 1).all() for norm in block.modules() if isinstance(norm, nn.BatchNorm2d))


@pytest.mark.parametrize("text", ["ir16_t4_se_HS", "sg16_t2_id2", "gs16_g2", "rb16", "bz24", "xc16"])
def test_a_closed_branch_opens(text: str) -> None:
    block, x = _made(text), torch.randn(8, 16, 8, 8)
    target = torch.randn_like(block(x))
    optimizer = torch.optim.SGD(block.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        torch.autograd.backward((block(x) - target).square().mean())
        optimizer.step()
    for name, parameter in block.named_parameters():
        if name.endswith("weight"):
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
