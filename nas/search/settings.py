"""What defines a run. Stored in the study itself, so that a run can be resumed from its storage alone."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from nas.common.errors import UserError
from nas.latency.table.identity import TableId
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION
from nas.search.budget import Budget, is_time, parse_budgets
from nas.train.trainer import Fidelity, Recipe

OBJECTIVES = ("accuracy", "macs", "params", "activations", "latency")
SAMPLERS = ("front", "tpe", "nsga2", "random", "gp")
SCHEDULERS = ("none", "asha")
CONTROLS = ("none", "random")
SMALL_BASELINES = ("mobilenet_v3_small", "mobilenet_v2_x0.5", "shufflenet_v2_x0.5", "shufflenet_v1_g3_x0.5")
ALL_BASELINES = (
    *SMALL_BASELINES,
    "mobilenet_v2",
    "mobilenet_v3_large",
    "shufflenet_v1_g3",
    "shufflenet_v2_x1.0",
    "mobilenext",
)


@dataclass(frozen=True)
class Settings:
    """Everything that a trial's result depends on, and what may be searched.

    `space` is the YAML of the space (its text is stored, so that an edited file does not change a run);
    `baselines` are names of the zoo; costs are those at `target_resolution` and `target_classes`. `rungs` are
    the epochs of the briefer trials that come before one of the fidelity's; `control` is a sampler that is
    given as many trials beside the search's, to compare with. `latency` is the table that tells milliseconds.
    """

    budgets: tuple[str, ...]
    space: str
    fidelity: Fidelity
    data: str = "auto"
    data_name: str = ""
    fingerprint: str = ""
    skip_corrupt: bool = False
    granularity: str = "stage"
    objectives: tuple[str, ...] = ("accuracy", "macs")
    recipe: Recipe = field(default_factory=Recipe)
    sampler: str = SAMPLERS[0]
    seed: int = 0
    baselines: tuple[str, ...] = SMALL_BASELINES
    seed_baselines: bool = False
    rungs: tuple[float, ...] = ()
    scheduler: str = SCHEDULERS[0]
    control: str = CONTROLS[0]
    target_resolution: int = TARGET_RESOLUTION
    target_classes: int = TARGET_CLASSES
    latency: TableId | None = None

    def __post_init__(self) -> None:
        if self.objectives[:1] != ("accuracy",) or len(self.objectives) != 2:
            raise UserError(
                f"objectives {','.join(self.objectives)}: expected accuracy and one cost, as in accuracy,macs"
            )
        if self.objectives[1] not in OBJECTIVES[1:]:
            raise UserError(f"objective {self.objectives[1]!r}: expected one of {', '.join(OBJECTIVES[1:])}")
        timed = self.objectives[1] == "latency" or any(map(is_time, self.budgets))
        if timed and self.latency is None:
            raise UserError(
                "latency is bounded or an objective, and there is no table that tells it; make one with "
                "python -m nas.latency table, or name one with --latency-table"
            )
        for name, known in (("sampler", SAMPLERS), ("scheduler", SCHEDULERS), ("control", CONTROLS)):
            if getattr(self, name) not in known:
                raise UserError(f"{name} {getattr(self, name)!r}: expected one of {', '.join(known)}")
        if self.rungs and self.scheduler != "none":
            raise UserError(
                f"scheduler {self.scheduler} cannot stop the trials of a ladder; take one of the two"
            )
        if list(self.rungs) != sorted({*self.rungs}) or any(
            not 0 < epochs < self.fidelity.epochs for epochs in self.rungs
        ):
            raise UserError(
                f"rungs {self.rungs}: expected rising epochs below the {self.fidelity.epochs:g} of the top"
            )
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed {self.seed}: expected a whole number from 0 to 4294967295")
        if not 8 <= self.target_resolution <= 4096 or not 1 <= self.target_classes <= 10**6:
            raise UserError(
                f"target {self.target_resolution} px, {self.target_classes} classes: expected 8 to 4096 px "
                "and at least one class"
            )

    @property
    def objective(self) -> str:
        """The column of the results that is minimised."""
        return "latency_ms" if self.objectives[1] == "latency" else self.objectives[1]

    @property
    def limits(self) -> tuple[Budget, ...]:
        """The budgets, parsed."""
        return parse_budgets(self.budgets)

    @property
    def target(self) -> str:
        """What costs are counted for, in words."""
        size = self.target_resolution
        return f"{size}x{size}, {self.target_classes} classes, batch 1"

    def to_json(self) -> str:
        """As stored in the study."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """The inverse of `to_json`. Raises UserError for what another version wrote and this cannot read."""
        try:
            data: dict[str, Any] = json.loads(text)
            data["fidelity"] = Fidelity(**data["fidelity"])
            data["recipe"] = Recipe(**data["recipe"])
            for name in ("budgets", "objectives", "baselines"):
                if not isinstance(data[name], list) or not all(isinstance(part, str) for part in data[name]):
                    raise TypeError(f"{name} is {data[name]!r}, expected a list of names")
                data[name] = tuple(data[name])
            if not isinstance(data["rungs"], list) or any(
                type(epochs) is not float for epochs in data["rungs"]
            ):
                raise TypeError(f"rungs is {data['rungs']!r}, expected a list of epochs")
            data["rungs"] = tuple(data["rungs"])
            if data.get("latency") is not None:
                data["latency"] = TableId(**data["latency"])
            settings = cls(**data)
            for spec in fields(cls):
                value = getattr(settings, spec.name)
                if isinstance(spec.type, type) and type(value) is not spec.type:
                    raise TypeError(f"{spec.name} is {value!r}, expected {spec.type.__name__}")
            return settings
        except (TypeError, KeyError, ValueError) as error:
            raise UserError(f"the run's settings cannot be read by this version: {error}") from None

    def with_epochs(self, epochs: float) -> "Settings":
        """The same with trials of so many epochs."""
        return replace(self, fidelity=replace(self.fidelity, epochs=epochs))

    def with_data(self, name: str, fingerprint: str) -> "Settings":
        """The same with the data set that was found."""
        return replace(self, data_name=name, fingerprint=fingerprint)
