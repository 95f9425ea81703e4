"""A child that contains its parent computes the same; one of the same arch is the same, bit by bit."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from blocks import BLOCKS, Block
from nas.networks.inherit import inherit
from search_spaces import Arch
from tests import strategies
from tests.examples import few
from tests.nas.networks.inherit.nets import child_of, grown, of_kind, parent_of, pictures


def check_same_function(arch: Arch, larger: Arch) -> None:
    parent, child = parent_of(arch), child_of(larger)
    x = pictures()
    with torch.no_grad():
        expected = parent(x)
        assume(expected.isfinite().all() and expected.abs().max() < 1e6)
        assert expected.std() > 1e-3, "a parent that puts out nothing proves nothing"
        told = inherit(parent, child)
        found = child(x)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7 * expected.abs().max().item())
    assert 0 < told.share <= 1
    assert all(one.statistics in ("kept", "made", "none") for one in told.layers)


@pytest.mark.parametrize("kind", BLOCKS.values(), ids=BLOCKS)
@settings(max_examples=few(30))
@given(data=st.data())
def test_growing_keeps_the_function(kind: type[Block], data: st.DataObject) -> None:
    arch = data.draw(of_kind(kind))
    check_same_function(arch, data.draw(grown(arch)))


@settings(max_examples=few(30))
@given(strategies.archs())
def test_the_same_arch_is_the_same_bit_by_bit(arch: Arch) -> None:
    parent, child = parent_of(arch), child_of(arch)
    told = inherit(parent, child)
    mine, theirs = child.state_dict(), parent.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert told.share == 1 and not told.notes
    assert all(one.share == 1 and one.statistics in ("kept", "none") for one in told.layers)
