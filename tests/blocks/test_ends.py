"""Stem and head."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blocks import Head, Stem, UserError
from blocks.options import decode
from tests import references, strategies
from tests.examples import few


@settings(max_examples=few(60))
@given(strategies.stems, st.sampled_from((9, 16)))
def test_a_stem_is_its_definition(stem: Stem, size: int) -> None:
    module = references.randomise(stem.build(nn.BatchNorm2d), spread=2.0)
    x = torch.randn(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made, numbers = module(x), references.Numbers(module)
    torch.testing.assert_close(made, references.stem_output(stem, x, numbers))
    numbers.end()
    assert made.shape == (2, stem.out, -(-size // stem.reduction), -(-size // stem.reduction))
    assert decode(Stem, str(stem)) == stem


@settings(max_examples=few(40))
@given(strategies.heads, st.integers(1, 12))
def test_a_head_is_its_definition(head: Head, classes: int) -> None:
    module = references.randomise(head.build(24, nn.BatchNorm2d, classes), spread=2.0)
    x = torch.randn(2, 24, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made, numbers = module(x), references.Numbers(module)
    torch.testing.assert_close(made, references.head_output(head, x, numbers, classes))
    numbers.end()
    assert made.shape == (2, classes)
    assert decode(Head, str(head)) == head


def test_reductions() -> None:
    """Of ShuffleNet's stem (stride 2, then pooling of stride 2) and of the mobile ones."""
    assert Stem(24, pool=True).reduction == 4
    assert Stem(16).reduction == 2
    assert Stem(16, stride=1).reduction == 1


def test_a_head_without_layers_has_no_activation() -> None:
    assert Head(activation="HS").canonical() == Head()
    for head in (Head(960, activation="HS"), Head(0, 1280, "HS")):
        assert head.canonical() == head


def test_dropout_concerns_training_alone() -> None:
    head = Head(0, 8).build(24, nn.BatchNorm2d, 3, dropout=0.5)
    x = torch.rand(4, 24, 2, 2)
    assert not torch.equal(head.train()(x), head(x))
    assert torch.equal(head.eval()(x), head(x))
    plain = Head(0, 8).build(24, nn.BatchNorm2d, 3)
    assert torch.equal(plain.train()(x), plain(x))


@pytest.mark.parametrize("text", ["stem", "stem16_s3", "stem16_k4", "stem16_pool2", "stem16_GELU"])
def test_a_stem_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        decode(Stem, text)


@pytest.mark.parametrize("text", ["head-1", "head960_f", "head960_f1280_f1280", "heads"])
def test_a_head_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        decode(Head, text)
