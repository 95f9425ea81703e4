"""What defines a run. Stored in the study itself, so that a run can be resumed from its storage alone."""

from dataclasses import dataclass

from nas.common.errors import UserError, shown
from nas.common.quantities import COLUMNS, LATENCY, MACS, PARAMS, QUANTITIES, Quantity
from nas.engine.regime import Regime
from nas.latency.table.identity import TableId
from nas.samplers import register
from nas.search.budget import Budget, is_time, parse_budgets
from search_spaces import Space, spaces, zoo

SAMPLERS = tuple(register.SAMPLERS)


@dataclass(frozen=True, kw_only=True)
class Settings(Regime):
    """Everything that a trial's result depends on, and what may be searched.

    `space` is the YAML of the space (its text is stored, so that an edited file does not change a run);
    `baselines` are names of the zoo. `rungs` are the epochs of the briefer trials that come before one of the
    fidelity's; `control` is a sampler that is given as many trials beside the search's, to compare with.
    `latency` is the table that tells milliseconds. `confirm` is the share of all training that confirms the front.
    """

    STORED = ("recipe", "objectives", "baselines", "rungs")
    budgets: tuple[str, ...]
    space: str
    granularity: str = "stage"
    objectives: tuple[str, ...] = ("accuracy", MACS.name)
    sampler: str = SAMPLERS[0]
    baselines: tuple[str, ...] = zoo.SMALL
    seed_baselines: bool = False
    rungs: tuple[float, ...] = ()
    scheduler: str = "none"
    control: str = "none"
    latency: TableId | None = None
    confirm: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objectives[:1] != ("accuracy",) or len(self.objectives) != 2:
            raise UserError(
                f"objectives {','.join(self.objectives)}: expected accuracy and one cost, as in accuracy,macs"
            )
        for name, value, known in (
            ("objective", self.objectives[1], QUANTITIES),
            ("sampler", self.sampler, SAMPLERS),
            ("scheduler", self.scheduler, ("none", "asha")),
            ("control", self.control, ("none", "random")),
        ):
            if value not in known:
                raise UserError(f"{name} {shown(value)}: expected one of {', '.join(known)}")
        if not 0 <= self.confirm <= 0.9:
            raise UserError(f"confirm {self.confirm:g}: expected a share from 0 to 0.9, such as 0.3")
        timed = self.objectives[1] == LATENCY.name or any(map(is_time, self.budgets))
        if timed and self.latency is None:
            raise UserError(
                "latency is bounded or an objective, and there is no table that tells it; make one with "
                "python -m nas.latency table, or name one with --latency-table"
            )
        if self.rungs and self.scheduler != "none":
            raise UserError(
                f"scheduler {self.scheduler} cannot stop the trials of a ladder; take one of the two"
            )
        if self.folds and self.scheduler != "none":
            raise UserError(
                f"scheduler {self.scheduler} cannot stop trials of several folds; take one of the two"
            )
        if list(self.rungs) != sorted({*self.rungs}) or any(
            not 0 < epochs < self.fidelity.epochs for epochs in self.rungs
        ):
            raise UserError(
                f"rungs {self.rungs}: expected rising epochs below the {self.fidelity.epochs:g} of the top"
            )

    @property
    def objective(self) -> str:
        """The column of the results that is minimised."""
        return QUANTITIES[self.objectives[1]].column

    @property
    def costs(self) -> tuple[Quantity, ...]:
        """What tables show: the usual ones, the objective and what is bounded; a latency has columns of its own."""
        more = (self.objective, *(budget.quantity for budget in self.limits))
        shown = dict.fromkeys((MACS, PARAMS, *(COLUMNS[column] for column in more)))
        return tuple(cost for cost in shown if cost != LATENCY)

    @property
    def limits(self) -> tuple[Budget, ...]:
        """The budgets, parsed."""
        return parse_budgets(self.budgets)


def space_of(settings: Settings) -> Space:
    """The space of a run."""
    return spaces.parse(settings.space, settings.granularity)
