from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nas.kernels import library
from tests.examples import few

pytestmark = pytest.mark.skipif(library.load() is None, reason="the library was not built")
BF16, FP32 = torch.bfloat16, torch.float32
TOLERANCE = {FP32: 1e-5, BF16: 1e-2}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def inputs(
    images: int, channels: int, height: int, width: int, kernel: int, stride: int, dtype: torch.dtype = FP32
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient, x and weight."""
    chance = torch.Generator().manual_seed(images + channels + height + width)
    out = ((height - 1) // stride + 1, (width - 1) // stride + 1)
    x = torch.randn(images, channels, height, width, generator=chance).to(dtype)
    gradient = torch.randn(images, channels, *out, generator=chance).to(dtype)
    weight = torch.randn(channels, 1, kernel, kernel, generator=chance)
    layout = torch.channels_last
    return gradient.contiguous(memory_format=layout), x.contiguous(memory_format=layout), weight


def reference(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """In float64, by torch."""
    x, weight = x.double().contiguous().requires_grad_(), weight.double().requires_grad_()
    y = torch.nn.functional.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, x.shape[1])
    dx, dw = torch.autograd.grad(y, (x, weight), gradient.double())
    return dx, dw


def error(found: Tensor | None, expected: Tensor) -> float:
    assert found is not None
    assert found.shape == expected.shape
    return float((found.double() - expected).norm() / expected.norm().clamp_min(1e-30))


@pytest.mark.parametrize("instruction_set", library.instruction_sets())
@pytest.mark.parametrize("dtype", [FP32, BF16])
@settings(max_examples=few(40))
@given(
    images=st.integers(1, 5),
    channels=st.integers(1, 50),
    height=st.integers(1, 19),
    width=st.integers(1, 19),
    kernel=st.sampled_from(library.KERNELS),
    stride=st.sampled_from(library.STRIDES),
)
def test_equals_float64(
    instruction_set: int,
    dtype: torch.dtype,
    images: int,
    channels: int,
    height: int,
    width: int,
    kernel: int,
    stride: int,
) -> None:
    gradient, x, weight = inputs(images, channels, height, width, kernel, stride, dtype)
    dx, dw = library.backward(gradient, x, weight, stride, instruction_set=instruction_set)
    expected_dx, expected_dw = reference(gradient, x, weight, stride)
    assert dx is not None and dx.dtype == dtype and dx.is_contiguous(memory_format=torch.channels_last)
    assert dw is not None and dw.dtype == FP32
    assert error(dx, expected_dx) < TOLERANCE[dtype]
    assert error(dw, expected_dw) < TOLERANCE[FP32]  # summed in fp32, whatever the storage


@pytest.mark.parametrize("stride", library.STRIDES)
@pytest.mark.parametrize("kernel", library.KERNELS)
def test_a_large_batch_loses_no_precision(kernel: int, stride: int) -> None:
    gradient, x, weight = inputs(128, 20, 16, 16, kernel, stride)
    dx, dw = library.backward(gradient, x, weight, stride)
    expected_dx, expected_dw = reference(gradient, x, weight, stride)
    assert error(dx, expected_dx) < 1e-6
    assert error(dw, expected_dw) < 1e-6


@pytest.mark.parametrize("dtype", [FP32, BF16])
def test_the_same_bits_each_time_and_for_every_number_of_threads(dtype: torch.dtype) -> None:
    gradient, x, weight = inputs(16, 100, 12, 12, 5, 1, dtype)
    dx, dw = library.backward(gradient, x, weight, 1)
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        again = library.backward(gradient, x, weight, 1)
        assert torch.equal(dx, again[0]) and torch.equal(dw, again[1])  # type: ignore[arg-type]


def test_an_image_does_not_depend_on_its_batch() -> None:
    gradient, x, weight = inputs(40, 24, 9, 9, 3, 2)
    dx, _ = library.backward(gradient, x, weight, 2)
    alone, _ = library.backward(gradient[7:8], x[7:8], weight, 2)
    assert dx is not None and alone is not None
    assert torch.equal(dx[7:8], alone)


@pytest.mark.parametrize("dtype", [FP32, BF16])
def test_other_layouts_are_understood(dtype: torch.dtype) -> None:
    gradient, x, weight = inputs(3, 20, 8, 8, 3, 1, dtype)
    expected = library.backward(gradient, x, weight, 1)
    slices = torch.cat((x, x), 1)[:, ::2], gradient.repeat(1, 1, 1, 2)[..., :8]
    permuted = library.backward(slices[1], torch.cat((x, x), 1)[:, :20], weight, 1)
    assert all(torch.equal(a, b) for a, b in zip(expected, permuted, strict=True))  # type: ignore[arg-type]
    plain = library.backward(gradient.contiguous(), x.contiguous(), weight, 1)
    assert all(torch.equal(a, b) for a, b in zip(expected, plain, strict=True))  # type: ignore[arg-type]


def test_an_empty_batch() -> None:
    gradient, x, weight = inputs(0, 6, 8, 8, 3, 1)
    dx, dw = library.backward(gradient, x, weight, 1)
    assert dx is not None and dx.shape == x.shape
    assert dw is not None and not dw.any() and dw.shape == weight.shape


def test_only_what_is_wanted() -> None:
    gradient, x, weight = inputs(2, 6, 8, 8, 3, 1)
    both = library.backward(gradient, x, weight, 1)
    for wanted in ((True, False), (False, True), (False, False)):
        found = library.backward(gradient, x, weight, 1, wanted)
        for want, one, expected in zip(wanted, found, both, strict=True):
            assert (one is not None) == want
            assert one is None or torch.equal(one, expected)  # type: ignore[arg-type]


def test_nan_and_infinity_are_not_lost() -> None:
    for value in (float("nan"), float("inf")):
        for dtype in (FP32, BF16):
            gradient, x, weight = inputs(1, 3, 6, 6, 3, 1, dtype)
            gradient[0, 1, 2, 2] = value
            dx, dw = library.backward(gradient, x, weight, 1)
            assert dx is not None and not torch.isfinite(dx[0, 1, 2, 2])
            assert dw is not None and not torch.isfinite(dw[1]).any()
            assert torch.isfinite(dw[0]).all() and torch.isfinite(dx[0, 2]).all()


def test_bf16_rounds_to_nearest_even() -> None:
    """Through a kernel that is 1 in the middle the gradient of x is a product with one weight."""
    factors = torch.randn(32, generator=torch.Generator().manual_seed(0))
    weight = torch.zeros(32, 1, 3, 3)
    weight[:, 0, 1, 1] = factors
    gradient, x, _ = inputs(1, 32, 6, 6, 3, 1, BF16)
    dx, _ = library.backward(gradient, x, weight, 1)
    assert dx is not None
    assert torch.equal(dx, (gradient.float() * factors.view(1, -1, 1, 1)).to(BF16))
    ties = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8])  # half-way between two values of bf16
    weight[:, 0, 1, 1] = ties.repeat(16)
    dx, _ = library.backward(torch.ones_like(gradient), x, weight, 1)
    assert dx is not None
    assert dx[0, :2, 3, 3].tolist() == ties.to(BF16).tolist()


def test_nonsense_is_refused() -> None:
    gradient, x, weight = inputs(2, 6, 8, 8, 3, 1)
    with pytest.raises(ValueError, match="no such convolution"):
        library.backward(gradient[:, :, 1:], x, weight, 1)
    with pytest.raises(ValueError, match="no such convolution"):
        library.backward(gradient, x, weight[:5], 1)
    with pytest.raises(ValueError, match="not offered"):
        library.backward(gradient, x, weight, 1, instruction_set=64)
    assert not library.offered(torch.float64, 3, 1)
    assert not library.offered(FP32, 9, 1)
    assert not library.offered(FP32, 3, 3)
