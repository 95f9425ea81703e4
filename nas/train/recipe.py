"""How a network is trained and how briefly: values, and the schedule that they come to."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Self

from nas.common.errors import UserError, require, shown
from nas.common.sizes import Size, smaller

MOST = 1_000_000
"""Of epochs, of images of a batch, and of any number that a recipe has."""
SMALLEST_BATCH = 16  # below it batch norm's statistics are mostly noise


FALLS = ("linear", "cosine")


def _value(name: str, text: str, kind: type) -> bool | int | float | str:
    words = {"yes": True, "no": False}
    if kind is bool:
        require(text in words, name, text, "yes or no")
        return words[text]
    if kind is str:
        return text
    try:
        number: int | float = kind(text)
    except ValueError:
        raise UserError(f"{name} {shown(text)}: expected a {'whole ' * (kind is int)}number") from None
    return number


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are measured, on CIFAR-10 (0.4 to 9 epochs) and on digits.

    SGD with Nesterov momentum. The learning rate rises linearly over the first `warmup` share of the steps to
    `lr` and falls to 0, linearly or as half a cosine (`fall`). `lr` is meant for `batch_size`: where a schedule
    would have fewer than `min_steps` steps the batch is halved, down to 16 at the least, and the rate goes with its
    square root. All gradients together are scaled down to a norm of `clip` where theirs is larger (0 never does).
    Small networks seldom come there; MobileNetV2 does in its first hundred steps, where without it the loss rose to 6
    and the weights did not recover.
    Images are mirrored at random if `mirror`, and shifted by up to an eighth of each side (the border reflected) in
    schedules of at least `shift_from` epochs: in 2, 4 and 9 epochs of CIFAR-10 shifting cost a small network 2 to 3
    points, MobileNetV3-Small 1 to 2 in 10, and a found network 1.6 in 30, where the fall and averaging differed as
    well (`results/reference/at-length`). `batch_norm_momentum` replaces the modules' own, which is often tuned for
    schedules of weeks. Decay is for the weights of convolutions and linear layers alone. `cutout` blanks a square
    of this share of the smaller side at a random place of each image (DeVries and Taylor 2017): off by default,
    because it is for long schedules, as shifting is. Evaluations that come before `statistics_until` steps are made
    with batch-norm statistics that are measured anew on training images (`nas.train.statistics`); 0 never does.
    `class_weights` weighs the loss of an image by how few there are of its class, so that all classes weigh the
    same.
    `zoom` takes a part of each image, of this share of the side at least and at a random place, to the full size
    (bilinear): scales and crops as augmentation, for images above 64 pixels. `mixup` mixes each batch with its
    reverse, images and labels alike, by a share drawn from a Beta distribution with this parameter (Zhang et al.
    2018); for schedules of many epochs. `ema` is the share of it that an exponential moving average of weights and
    statistics keeps at a step, as in 0.998; it is then what is evaluated and what the training ends with. 0 has none:
    it is for long schedules.
    """

    lr: float = 0.4
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip: float = 1.0
    warmup: float = 0.2
    label_smoothing: float = 0.1
    batch_size: int = 128
    min_steps: int = 120
    batch_norm_momentum: float = 0.1
    mirror: bool = True
    shift_from: float = 60.0
    cutout: float = 0.0
    statistics_until: int = 300
    class_weights: bool = False
    fall: str = "linear"
    ema: float = 0.0
    zoom: float = 0.0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        require(0 < self.lr <= MOST, "lr", self.lr, f"a number above 0, at most {MOST}")
        require(0 <= self.momentum < 1, "momentum", self.momentum, "a number in [0, 1)")
        require(0 <= self.weight_decay <= MOST, "weight_decay", self.weight_decay, "a number from 0")
        require(0 <= self.clip <= MOST, "clip", self.clip, "a norm above 0, or 0 for no clipping")
        require(0 <= self.warmup < 1, "warmup", self.warmup, "a share of the steps in [0, 1)")
        require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "a number in [0, 1)")
        require(2 <= self.batch_size <= MOST, "batch_size", self.batch_size, f"2 to {MOST}")
        require(0 <= self.min_steps <= MOST, "min_steps", self.min_steps, f"0 to {MOST}")
        momentum = self.batch_norm_momentum
        require(0 < momentum <= 1, "batch_norm_momentum", momentum, "a number in (0, 1]")
        require(self.shift_from >= 0, "shift_from", self.shift_from, "a number of epochs from 0")
        require(0 <= self.cutout <= 1, "cutout", self.cutout, "a share of the side in [0, 1]")
        until = self.statistics_until
        require(0 <= until <= MOST, "statistics_until", until, f"0 to {MOST}")
        require(self.fall in FALLS, "fall", self.fall, " or ".join(FALLS))
        require(0 <= self.ema < 1, "ema", self.ema, "a share in [0, 1)")
        require(
            0 <= self.zoom <= 1, "zoom", self.zoom, "the least share of the side, in (0, 1], or 0 for none"
        )
        require(
            0 <= self.mixup <= 10, "mixup", self.mixup, "the Beta distribution's parameter, or 0 for none"
        )

    def changed(self, text: str) -> Self:
        """The recipe with what `text` says instead, as in "lr=0.3,batch_size=256,mirror=no".

        Raises UserError for a name that is none and for a value that is not of its kind.
        """
        kinds = {spec.name: type(getattr(self, spec.name)) for spec in fields(self)}
        values: dict[str, bool | int | float | str] = {}
        for part in text.split(","):
            name, _, value = (piece.strip() for piece in part.partition("="))
            if name not in kinds or name in values:
                raise UserError(
                    f"recipe {shown(part)}: expected NAME=VALUE, once each, of {', '.join(kinds)}"
                )
            values[name] = _value(name, value, kinds[name])
        return replace(self, **values)  # type: ignore[arg-type]  # each is of its field's kind

    def wanted(self, text: str | None, class_weights: str | None) -> Self:
        """The recipe with what a command is asked for: its `--class-weights`, then its `--recipe`.

        Raises UserError for what is none.
        """
        if class_weights not in (None, "none", "balanced"):
            raise UserError(f"--class-weights {class_weights}: expected balanced or none")
        recipe = replace(self, class_weights=class_weights == "balanced") if class_weights else self
        return recipe.changed(text) if text else recipe

    def told(self, *always: str) -> str:
        """What differs from the defaults, and the fields named, as `changed` reads it."""
        words = {True: "yes", False: "no"}
        mine = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        told = {
            name: value for name, value in mine.items() if name in always or value != getattr(DEFAULT, name)
        }
        return ",".join(
            f"{name}={words[value] if isinstance(value, bool) else value}" for name, value in told.items()
        )


DEFAULT = Recipe()


@dataclass(frozen=True)
class Fidelity:
    """How briefly a network is trained: epochs (decimals allowed) over a share of the training images."""

    epochs: float
    subset: float = 1.0
    resolution: Size = 32

    def __post_init__(self) -> None:
        require(0 < self.epochs <= MOST, "epochs", self.epochs, f"a number above 0, at most {MOST}")
        require(0 < self.subset <= 1, "subset", self.subset, "a share of the images in (0, 1]")
        require(smaller(self.resolution) >= 1, "resolution", self.resolution, "pixels, 1 or more")


@dataclass(frozen=True)
class Schedule:
    """What a recipe comes to at one fidelity on a given number of images."""

    steps: int
    batch_size: int
    lr: float
    warmup: float
    shift: bool
    fall: str = "linear"

    def learning_rate(self, step: int) -> float:
        """The rate of a step, counted from 0: linearly up to `lr` over the warm-up, then down to 0."""
        done = (step + 0.5) / self.steps  # the middle of the step: never quite 0, even in a single step
        if done >= self.warmup and self.fall == "cosine":
            return self.lr * (1 + math.cos(math.pi * (done - self.warmup) / (1 - self.warmup))) / 2
        return self.lr * (done / self.warmup if done < self.warmup else (1 - done) / (1 - self.warmup))


def schedule(recipe: Recipe, fidelity: Fidelity, images: int) -> Schedule:
    """The steps, batch size and learning rate for so many training images."""
    if images < 2:
        raise UserError(
            f"{images} training image(s): at least 2 are needed; give more images or a larger subset"
        )
    batch = recipe.batch_size
    while fidelity.epochs * images / batch < recipe.min_steps and batch // 2 >= SMALLEST_BATCH:
        batch //= 2
    batch = min(batch, images)
    return Schedule(
        steps=max(1, round(fidelity.epochs * images / batch)),
        batch_size=batch,
        lr=recipe.lr * math.sqrt(batch / recipe.batch_size),
        warmup=recipe.warmup,
        shift=fidelity.epochs >= recipe.shift_from,
        fall=recipe.fall,
    )
