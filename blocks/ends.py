"""The two ends of a network: the stem that reads the image, the head that names the class."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from torch import Tensor, nn

from blocks.layers import ACTIVATIONS, ConvNorm, Norm
from blocks.options import check, encode, option


@dataclass(frozen=True)
class Stem:
    """Convolution on the image, then (ShuffleNet) a max-pooling 3x3 of stride 2.

    Float [N, channels, H, W], 3 channels as a rule, to [N, out, H / stride, W / stride], halved again by the pooling.
    """

    token: ClassVar[str] = "stem"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5, 7))
    stride: int = option(2, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    pool: bool = option(False, "pool")

    def __post_init__(self) -> None:
        check(self)

    def __str__(self) -> str:
        return encode(self)

    @property
    def reduction(self) -> int:
        """By how much the map shrinks."""
        return self.stride * (2 if self.pool else 1)

    def build(self, norm: Norm, channels: int = 3) -> nn.Module:
        """The torch module, for images of so many channels."""
        conv = ConvNorm(
            channels, self.out, norm, kernel=self.kernel, stride=self.stride, activation=self.activation
        )
        return nn.Sequential(conv, nn.MaxPool2d(3, 2, 1)) if self.pool else conv


@dataclass(frozen=True)
class Head:
    """1x1 convolution to `conv` channels, global average, fully connected to `features`, classifier.

    Both are left out at 0. MobileNetV3's efficient last stage (section 5.1) is conv 960, features 1280;
    MobileNetV2's is conv 1280 alone; ShuffleNetV1 and MobileNeXt have neither. Float [N, in, H, W] to
    logits [N, classes].
    """

    token: ClassVar[str] = "head"
    conv: int = option(0, minimum=0)
    features: int = option(0, "f", minimum=0)
    activation: str = option("RE", choices=tuple(ACTIVATIONS))

    def __post_init__(self) -> None:
        check(self)

    def __str__(self) -> str:
        return encode(self)

    def canonical(self) -> Self:
        """Without convolution and features there is nothing to activate."""
        return self if self.conv or self.features else replace(self, activation="RE")

    def build(self, in_channels: int, norm: Norm, num_classes: int, dropout: float = 0.0) -> nn.Module:
        """The torch module; dropout, before the classifier, concerns the training alone."""
        return _Head(self, in_channels, norm, num_classes, dropout)


class _Head(nn.Module):
    def __init__(self, head: Head, in_channels: int, norm: Norm, num_classes: int, dropout: float) -> None:
        super().__init__()
        width = head.conv or in_channels
        self.conv = (
            ConvNorm(in_channels, width, norm, activation=head.activation) if head.conv else nn.Identity()
        )
        layers: list[nn.Module] = []
        if head.features:
            layers += [nn.Linear(width, head.features), ACTIVATIONS[head.activation](inplace=True)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(head.features or width, num_classes))
        self.classifier = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.conv(x).mean((2, 3)))
        return logits
