"""What several commands are asked. Needs nothing heavy: every `--help` reads it."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from typer import Option

from nas.common.sizes import GivenSize, read_size
from nas.console.options import PIXELS, CommandOptions

if TYPE_CHECKING:
    from nas.latency.conditions import Conditions
    from search_spaces import Space

Clock = Annotated[str, Option(help="auto, wall, or cpu: the processor time of the inference, one thread.")]


@dataclass(frozen=True, kw_only=True)
class ConditionOptions(CommandOptions):
    """Under which conditions is timed."""

    backend: Annotated[
        str, Option(help="onnxruntime, torch, openvino, executorch or torch-cuda; the extras as installed.")
    ] = "onnxruntime"
    precision: Annotated[str, Option(help="float32, int8 (static quantisation), or float16 on CUDA.")] = (
        "float32"
    )
    threads: Annotated[int, Option(help="Threads of one inference.")] = 1
    resolution: Annotated[GivenSize, Option(help=f"Of the images: {PIXELS}.")] = 224
    batch: Annotated[int, Option(help="Images of one inference.")] = 1
    classes: Annotated[int, Option(help="Outputs of the classifier.")] = 1000
    channels: Annotated[int, Option(help="Channels of the images.")] = 3

    @property
    def conditions(self) -> "Conditions":
        """As a value. Raises UserError where they are none."""
        from nas.latency.conditions import Conditions

        given = {field.name: getattr(self, field.name) for field in fields(Conditions)}
        return Conditions(**given | {"resolution": read_size(self.resolution, "--resolution")})


@dataclass(frozen=True, kw_only=True)
class TimingOptions(ConditionOptions):
    """How is timed here."""

    clock: Clock = "auto"
    force: Annotated[bool, Option("--force", help="Several threads on a busy machine; recorded.")] = False


@dataclass(frozen=True, kw_only=True)
class SpaceOptions(CommandOptions):
    """Of which space."""

    space: Annotated[str, Option(help="mobile, documented, mcu (for microcontrollers), or a YAML file.")] = (
        "mobile"
    )
    granularity: Annotated[str, Option(help="Choices per stage or per block.")] = "stage"

    def get_space(self) -> "Space":
        """The space. Raises UserError where it is none."""
        from search_spaces import spaces

        return spaces.get(self.space, self.granularity)
