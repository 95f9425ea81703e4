"""torchvision's networks and ours with the same numbers: the same function, and no other one.

The numbers are random, and batch norms are first calibrated on images, so that activations stay of the order
of one through all layers: a fresh torchvision network gives about 1e-9 whatever it computes.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from blocks import InvertedResidual, SplitShuffle
from nas.common.errors import UserError
from nas.networks.weights import from_torchvision
from search_spaces import Arch, zoo

THEIRS: dict[str, tuple[Callable[..., nn.Module], str]] = {
    "mobilenet_v2": (models.mobilenet_v2, "mobilenet_v2"),
    "mobilenet_v3_large": (models.mobilenet_v3_large, "mobilenet_v3_large"),
    "mobilenet_v3_small": (models.mobilenet_v3_small, "mobilenet_v3_small"),
    "shufflenet_v2_x1_0": (models.shufflenet_v2_x1_0, "shufflenet_v2_figure_x1.0"),
}


def images(count: int, size: int) -> Tensor:
    """Large patches of colour under noise, so that images differ after the last pooling too."""
    draw = torch.Generator().manual_seed(5)
    coarse, fine = (torch.randn(count, 3, n, n, dtype=torch.float64, generator=draw) for n in (2, size))
    return nn.functional.interpolate(coarse, size) + 0.5 * fine


@cache
def theirs(name: str) -> nn.Module:
    """torchvision's network in double precision, random and with activations of the order of one."""
    make, _ = THEIRS[name]
    torch.manual_seed(0)
    model = make(weights=None)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0, layer.weight[0].numel() ** -0.5)
            if layer.bias is not None:
                nn.init.normal_(layer.bias, 0, 1)
    for norm in norms:
        nn.init.normal_(norm.weight, 1, 0.2)
        nn.init.normal_(norm.bias, 0, 0.3)
        norm.momentum = 1.0  # one pass makes the statistics of its images the running ones
    model.double().train()
    with torch.no_grad():
        model(images(8, 64))
        for norm in norms:
            assert norm.running_mean is not None and norm.running_var is not None
            spread = norm.running_var.sqrt()
            norm.running_mean += 0.2 * spread * torch.randn_like(spread)
            norm.running_var *= torch.empty_like(spread).uniform_(0.8, 1.5)
    return model.float().eval()


def ours(name: str, arch: Arch | None = None) -> nn.Module:
    return from_torchvision(arch or zoo.get(THEIRS[name][1]), theirs(name).state_dict()).eval()


def outputs(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = deepcopy(model).double()(x)
    return logits


@cache
def expected(name: str) -> Tensor:
    """What torchvision's network makes of two images of 96 pixels, in double precision."""
    return outputs(theirs(name), images(2, 96))


def difference(one: Tensor, other: Tensor) -> float:
    """The largest difference, relative to the spread of the outputs.

    Which must be of the order of one, and of the images: outputs that are all alike would prove nothing.
    """
    assert 1e-1 < one.std().item() < 1e2 and one.shape == other.shape and one.isfinite().all()
    assert (one[0] - one[1]).std() > 0.1 * one.std()
    return ((one - other).abs().max() / one.std()).item()


SELDOM = [
    pytest.param(name, marks=pytest.mark.slow if name in ("mobilenet_v2", "mobilenet_v3_large") else ())
    for name in THEIRS
]
"""The large ones seldom: MobileNetV3-Large at full size is looked at every day."""


@pytest.mark.parametrize("name", SELDOM)
def test_outputs_are_torchvisions(name: str) -> None:
    """In single precision as a user would run it, to 1e-5, and in double to 1e-12."""
    x = images(2, 96)
    with torch.no_grad():
        single, made = theirs(name)(x.float()), ours(name)(x.float())
    assert difference(single, made) < 1e-5
    assert difference(expected(name), outputs(ours(name), x)) < 1e-12


def test_outputs_are_torchvisions_at_224() -> None:
    x = images(2, 224).float()
    with torch.no_grad():
        single, made = theirs("mobilenet_v3_large")(x), ours("mobilenet_v3_large")(x)
    assert difference(single, made) < 1e-5


@pytest.mark.parametrize("name", SELDOM)
def test_training_is_torchvisions(name: str) -> None:
    """Batch statistics, gradients and running statistics, in double precision and without dropout."""
    pair = [deepcopy(model).double().train() for model in (theirs(name), ours(name))]
    for layer in pair[0].modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.1
    x = images(4, 64)
    one, other = (model(x) for model in pair)
    assert difference(one, other) < 1e-9
    torch.autograd.backward([one.square().mean(), other.square().mean()])
    for p, q in zip(*(model.parameters() for model in pair), strict=True):
        assert p.grad is not None and q.grad is not None
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-6, atol=1e-9 * p.grad.abs().max().item())
    for b, c in zip(*(model.buffers() for model in pair), strict=True):
        torch.testing.assert_close(b, c, rtol=1e-9, atol=1e-9, check_dtype=False)


def changed(arch: Arch, at: int, **options: object) -> Arch:
    block = replace(arch.blocks[at], **options)  # type: ignore[type-var]
    return replace(arch, blocks=(*arch.blocks[:at], block, *arch.blocks[at + 1 :]))


OTHERS: dict[str, tuple[str, Callable[[Arch], Arch]]] = {
    "V2, ReLU in one block": ("mobilenet_v2", lambda a: changed(a, 9, activation="RE")),
    "V2, stride one block later": (
        "mobilenet_v2",
        lambda a: changed(changed(a, 13, stride=1), 14, stride=2),
    ),
    "V2, eps of V3": ("mobilenet_v2", lambda a: replace(a, eps=1e-3)),
    "V3, one sigmoid gate": ("mobilenet_v3_small", lambda a: changed(a, 6, gate="sig")),
    "V3, one SiLU": ("mobilenet_v3_large", lambda a: changed(a, 8, activation="SI")),
    "V3, eps of V2": ("mobilenet_v3_large", lambda a: replace(a, eps=1e-5)),
    "V3, stem with ReLU": ("mobilenet_v3_small", lambda a: replace(a, stem=replace(a.stem, activation="RE"))),
    "ShuffleNet, one unit of the official code": (
        "shufflenet_v2_x1_0",
        lambda a: changed(a, 2, figure=False),
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_network_with_the_same_numbers_disagrees(case: str) -> None:
    """What leaves no trace in a state dict is seen in the outputs: 100 times the tolerance at least."""
    name, change = OTHERS[case]
    arch = zoo.get(THEIRS[name][1])
    other = change(arch)
    assert other != arch
    x = images(2, 96)
    assert difference(expected(name), outputs(ours(name, other), x)) > 1e-3


def test_other_numbers_disagree() -> None:
    name, x = "mobilenet_v3_small", images(2, 96)
    state = {key: value.clone() for key, value in theirs(name).state_dict().items()}
    state["features.5.block.0.0.weight"][3] *= 1.1
    made = from_torchvision(zoo.get(name), state).eval()
    assert difference(expected(name), outputs(made, x)) > 1e-4


UNLIKE = [
    (name, target)
    for name in THEIRS
    for target in ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "shufflenet_v2")
    if name != target
]


@pytest.mark.parametrize(("name", "target"), UNLIKE)
def test_weights_of_another_network_are_refused(name: str, target: str) -> None:
    """torchvision's ShuffleNetV2 in the official layout as well: its strided units have other widths."""
    with pytest.raises(UserError, match=r"layer [0-9]+ of the arch is .*, of the state dict "):
        from_torchvision(zoo.get(target), theirs(name).state_dict())


def refused(
    state: dict[str, object], said: str, arch: str = "mobilenet_v3_small", classes: int = 1000
) -> None:
    with pytest.raises(UserError) as error:
        from_torchvision(zoo.get(arch), state, classes)  # type: ignore[arg-type]
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_state_dict_that_does_not_fit_is_refused_at_its_layer() -> None:
    state = dict(theirs("mobilenet_v3_small").state_dict())
    last = "classifier.3.weight"
    refused(state, "classifier.3 (weight 1000x1024, bias 1000)", classes=10)
    refused({k: v for k, v in state.items() if k != last}, "classifier.3 (bias 1000)")
    refused({k: v for k, v in state.items() if not k.startswith("classifier.3")}, "of the state dict none")
    refused({**state, "extra.weight": torch.zeros(3, 3)}, "of the arch is none, of the state dict extra")
    refused({**state, last: state[last].T.contiguous()}, "1024x1000")
    refused({k: v for k, v in state.items() if k != "features.0.1.running_var"}, "features.0.1")
    refused({}, "of the state dict none")
    refused({"state_dict": state}, "'state_dict' holds a dict")
    refused({**state, "epoch": 3}, "'epoch' holds a int")


def test_sorted_entries_are_refused() -> None:
    """Also where no shape tells: blocks 8 and 9 of Large are alike."""
    state = theirs("mobilenet_v3_large").state_dict()
    refused(dict(sorted(state.items())), "order", "mobilenet_v3_large")
    exchanged = [key.replace("features.9.", "features.X.") for key in state]
    exchanged = [key.replace("features.10.", "features.9.") for key in exchanged]
    exchanged = [key.replace("features.X.", "features.10.") for key in exchanged]
    refused(dict(zip(exchanged, state.values(), strict=True)), "order", "mobilenet_v3_large")


def test_old_half_and_double_files_are_read() -> None:
    name, x = "mobilenet_v3_small", images(2, 64)
    state = theirs(name).state_dict()
    made = outputs(ours(name), x)
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert torch.equal(outputs(from_torchvision(zoo.get(name), old).eval(), x), made)
    double = {key: value.double() for key, value in state.items()}
    assert torch.equal(outputs(from_torchvision(zoo.get(name), double).eval(), x), made)
    wrapped = {f"module.{key}": value for key, value in state.items()}  # of DataParallel
    assert torch.equal(outputs(from_torchvision(zoo.get(name), wrapped).eval(), x), made)


def test_the_numbers_are_copies_and_the_resolution_is_builds() -> None:
    name = "mobilenet_v3_small"
    state = {key: value.clone() for key, value in theirs(name).state_dict().items()}
    network = from_torchvision(zoo.get(name), state, resolution=32)
    before = network(torch.ones(2, 3, 32, 32)).detach()
    for value in state.values():
        value.zero_()
    assert torch.equal(network(torch.ones(2, 3, 32, 32)).detach(), before)
    sizes: list[int] = []
    network.head.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[-1]))
    network(torch.ones(2, 3, 32, 32))
    assert sizes == [2]


def test_the_cases_are_what_they_say() -> None:
    """The blocks that the cases change are of the kind that they speak of."""
    large, shuffle = zoo.get("mobilenet_v3_large"), zoo.get("shufflenet_v2_figure")
    assert isinstance(large.blocks[8], InvertedResidual) and large.blocks[8].activation == "HS"
    assert isinstance(shuffle.blocks[2], SplitShuffle) and shuffle.blocks[2].stride == 1
    assert large.blocks[8] == large.blocks[9], "alike, for the test of sorted entries"
