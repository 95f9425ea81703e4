"""FrontSampler: an Optuna sampler for objectives that take a training, beside costs that are known before it.

A training costs a minute, a proposal milliseconds. General-purpose samplers treat a network's cost as one more
unknown; here it is never modelled, only looked up: as a feature, as an axis of the front, and to rule points out.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from threading import RLock
from typing import Any
from zlib import crc32

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import ThreadpoolController

from nas.common.errors import UserError
from nas.common.fronts import nondominated
from nas.samplers.grid import ABSENT, Floats, Grid, Rows, axis
from nas.samplers.history import (
    CLAIM,
    Objectives,
    PriorResult,
    detect,
    distinct,
    is_tried,
    read,
    tried_rows,
)
from nas.samplers.model import Beliefs, Model
from nas.samplers.problem import Budget, Cost, Prices, Problem
from nas.samplers.proposing import propose

COMPARED = 50  # finished trials that are looked at to find out which values are known costs
ATTEMPTS = 10  # times that another point is chosen because another worker has just chosen the same
THREADS = ThreadpoolController()  # small matrices on several threads are slower, by far so beside trainings


class LearnedSpace:
    """The space of a study whose user has not given it: every parameter that its finished trials have asked for.

    In a conditional space no trial asks for all of them; parameters whose distribution changes are left out.
    """

    def __init__(self, study: str) -> None:
        self.study, self.changing = study, set[str]()
        self._space: dict[str, BaseDistribution] = {}
        self._read: set[int] = set()

    def update(self, trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
        """The space, by name, given all trials of the study."""
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._read:
                self._read.add(trial.number)
                for name, distribution in trial.distributions.items():
                    if self._space.setdefault(name, distribution) != distribution:
                        self.changing.add(name)
        return {name: self._space[name] for name in sorted(self._space) if name not in self.changing}


class SpaceExhausted(optuna.TrialPruned):
    """No untried point within the budget is left.

    In `study.optimize` it ends the loop, its trial PRUNED; from `study.ask` or `trial.suggest_*` it is raised to the
    caller, its trial told as FAIL. `FrontSampler.exhausted(study)` tells beforehand.
    """


class FrontSampler(optuna.samplers.BaseSampler):
    """Proposes points that are expected to enlarge the front most; works best from the first dozen trials on.

    For any study of categorical and integer parameters, of one objective or several. Everything is learned from
    the study's trials (see nas.samplers.history for the attributes it reads), so that a study can be resumed and
    shared by several processes; running trials count as pending; no point is proposed twice, failed ones included.
    Proposals depend on the seed, the number of the trial and the trials before it, on nothing else.

    space: name -> distribution. Left out, it is learned: whatever the trials have asked for; parameters that no
        trial has asked for before are random then, and may break the budget.
    cost: what is known of a point's parameters, the lower the better: a number, or a mapping from names to numbers.
        All of them are features of the model. Without `space` it must bear points that lack parameters: what no trial
        has asked for yet is not known, and conditional ones are priced in combinations that no trial has.
    budget: upper bound on the (first) cost, or a mapping from names of costs to bounds. With `space`, no point beyond
        it is proposed.
    objectives: for each of the study's values the name of the cost that it is ("cost" where it is a plain number),
        None where it has to be learned. Left out, the values are compared with the costs, and so are multiples of
        them and their powers (frames a second are 1000 / milliseconds).
    prior: results of earlier studies (other budget, device, fidelity), as knowledge and never as results:
        PriorResults, or trials whose values are those of this study's objectives.
    seed: the same seed gives the same proposals; random where left out.

    Raises UserError for continuous parameters, for a budget without its cost, and, when first asked for a point, for
    a budget that nothing found in the space fits. Raises SpaceExhausted when all points were tried.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution] | None = None,
        cost: Cost | None = None,
        budget: Budget = None,
        *,
        objectives: Sequence[str | None] | None = None,
        prior: Iterable[PriorResult | FrozenTrial] = (),
        seed: int | None = None,
    ) -> None:
        if cost is not None and not callable(cost):
            raise UserError(f"cost {cost!r}: expected a function of a point's parameters")
        if budget is not None and cost is None:
            raise UserError(f"budget {budget!r} without a cost: give FrontSampler(cost=...) as well")
        self._space = None if space is None else dict(space)
        self._learned = LearnedSpace("")
        self._cost, self._budget, self._prior = cost, budget, tuple(prior)
        self._objectives = None if objectives is None else tuple(objectives)
        self._seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self._lock = RLock()
        self._prepared_for: dict[str, BaseDistribution] | None = None
        if self._space is not None:
            Grid.of(self._space)

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock, which neither copies nor pickles."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=RLock())

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The space given, or every parameter that the finished trials have asked for."""
        return self._space_of(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """All parameters of the space at once."""
        if not search_space:
            return {}
        with self._lock, THREADS.limit(limits=1):
            self._prepare(search_space)
            row = self._choose(study, trial)
            if row is not None:
                return self._problem.grid.params(row)
        if self._space is None and self._learned.changing:
            return {}  # what tells the trials apart is not known: random, then
        try:
            study.stop()
        except RuntimeError:  # asked outside of study.optimize, where nobody would tell the trial
            study.tell(trial.number, state=TrialState.FAIL)
        raise SpaceExhausted("every point within the budget has been tried")

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value, for parameters that the space lacks."""
        seed = np.random.SeedSequence([self._seed, trial.number, crc32(param_name.encode())])
        if self._space is None:
            axis(param_name, param_distribution)  # refuses what could not be learned
        fallback = optuna.samplers.RandomSampler(seed=int(seed.generate_state(1)[0]))
        return fallback.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """End `study.optimize` when the space is exhausted; ask-and-tell loops ask `exhausted`."""
        if self.exhausted(study):
            with suppress(RuntimeError):  # not in study.optimize
                study.stop()

    def exhausted(self, study: Study) -> bool:
        """Whether every point within the budget was proposed, so that asking would raise SpaceExhausted.

        Never so for a space too large to go through (more than problem.WALKED points).
        """
        with self._lock, THREADS.limit(limits=1):
            space = self._space_of(study)
            if not space or (self._space is None and self._learned.changing):
                return False
            self._prepare(space)
            problem, trials = self._problem, study.get_trials(deepcopy=False)
            return problem.countable and problem.exhausted(tried_rows(problem.grid, trials))

    def chances(self, study: Study, draws: int = 400) -> dict[int, float]:
        """How likely each finished trial's point stands on the front of all that were tried, by the trial's number.

        By the model's belief, which a lucky result moves less than it moves the ranking: joint draws of the true
        values. Only of full results (see nas.samplers.history); of a point trained several times every trial is told.
        """
        with self._lock, THREADS.limit(limits=1):
            learned = self._learn(study)
            if learned is None:
                return {}
            beliefs, objectives, rows, costs, trials = learned
            known = -costs[:, [cost for _, cost in objectives.costs]]
            rng, leads = np.random.default_rng([self._seed, len(trials)]), np.zeros(len(rows))
            for values in beliefs.draws(rows, costs, rng, draws):
                leads[nondominated(np.column_stack([values, known]))] += 1 / draws
            return self._by_trial(trials, rows, leads)

    def believed(self, study: Study) -> dict[int, float]:
        """What the first learned objective of each finished trial's point is believed to be, the higher the better.

        In the model's own scale, which ranks points; by the trial's number. Only of full results.
        """
        with self._lock, THREADS.limit(limits=1):
            learned = self._learn(study)
            if learned is None:
                return {}
            beliefs, _, rows, costs, trials = learned
            return self._by_trial(trials, rows, beliefs.predict(rows, costs)[0][:, 0])

    def _learn(self, study: Study) -> tuple[Beliefs, Objectives, Rows, Floats, Sequence[FrozenTrial]] | None:
        """Beliefs after all trials, the distinct points with a full result, and their costs; None without one."""
        self._prepare(self._space_of(study))
        problem, trials = self._problem, study.get_trials(deepcopy=False)
        objectives = self._identify(study, trials)
        history = read(problem.grid, objectives, trials, self._prior, -1)
        if not history.counts.any():
            return None
        rows = distinct(history.rows[history.counts])
        return self._model.learn(history), objectives, rows, problem.prices(rows), trials

    def _by_trial(self, trials: Sequence[FrozenTrial], rows: Rows, values: Floats) -> dict[int, float]:
        """The values [n] of points [n] by the numbers of the trials that tried them."""
        told = {row.tobytes(): float(value) for row, value in zip(rows, values, strict=True)}
        placed = [(trial.number, self._problem.grid.row(trial.params)) for trial in trials]
        return {n: told[row.tobytes()] for n, row in placed if row is not None and row.tobytes() in told}

    def _space_of(self, study: Study) -> dict[str, BaseDistribution]:
        if self._space is not None:
            return self._space
        with self._lock:
            if self._learned.study != study.study_name:
                self._learned = LearnedSpace(study.study_name)
            return self._learned.update(study.get_trials(deepcopy=False))

    def _prepare(self, space: dict[str, BaseDistribution]) -> None:
        """Have the problem and the model of this space; they are kept until another is asked for."""
        if self._prepared_for != space:
            grid = Grid.of(space)
            self._problem = Problem(grid, Prices(grid, self._cost, self._budget), self._seed)
            self._model = Model(self._problem)
            self._prepared_for = dict(space)

    def _choose(self, study: Study, trial: FrozenTrial) -> Rows | None:
        """The point to try, claimed for this trial; None where none is left.

        Every worker first writes which point it is going to try and then looks whether another has written the
        same. At least one of two sees the other, and chooses again.
        """
        grid = self._problem.grid
        given = grid.row(trial.system_attrs.get("fixed_params", {}))
        fixed = {} if given is None else {k: int(c) for k, c in enumerate(given) if c != ABSENT}
        ranked = grid.rows([])
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng([self._seed, trial.number, attempt])
            trials = study.get_trials(deepcopy=False)
            objectives = self._identify(study, trials)
            history = read(grid, objectives, trials, self._prior, trial.number)
            ranked = propose(self._problem, objectives, history, self._model, rng, trial.number, fixed)
            if not len(ranked):
                break
            row: Rows = ranked[0 if attempt == 0 else rng.integers(len(ranked))]
            claim = {a.name: int(c) for a, c in zip(grid.axes, row, strict=True)}
            study._storage.set_trial_system_attr(trial._trial_id, CLAIM, claim)
            settled = {t.number for t in trials if t.state.is_finished()} | {trial.number}
            others = [t for t in study.get_trials(deepcopy=False) if t.number not in settled]
            if not is_tried(row[None], tried_rows(grid, others))[0]:
                return row
        if (
            fixed
        ):  # the user insists on part of it: what is left to choose has all been tried, or does not fit
            return self._problem.completed(fixed, np.random.default_rng([self._seed, trial.number]))
        if not len(ranked) and not self._problem.prices.fits(self._problem.prices(history.tried)).any():
            raise self._problem.refusal()
        return ranked[0] if len(ranked) else None

    def _identify(self, study: Study, trials: Sequence[FrozenTrial]) -> Objectives:
        """Which of the study's values are known costs."""
        signs = tuple(1 if d == StudyDirection.MAXIMIZE else -1 for d in study.directions)
        names = self._problem.prices.names
        if self._objectives is not None:
            if len(self._objectives) != len(signs) or not set(self._objectives) <= {None, *names}:
                raise UserError(
                    f"objectives {self._objectives}: expected {len(signs)} of {', '.join(map(repr, (*names, None)))}"
                )
            return Objectives(signs, tuple(None if n is None else names.index(n) for n in self._objectives))
        if not names or len(signs) == 1:  # a lone value that were known would leave nothing to find out
            return Objectives(signs, (None,) * len(signs))
        done = [t for t in trials if t.state == TrialState.COMPLETE][-COMPARED:]
        placed = [(row, t.values) for t in done if (row := self._problem.grid.row(t.params)) is not None]
        costs = self._problem.prices(self._problem.grid.rows([row for row, _ in placed]))
        return detect(signs, np.array([values for _, values in placed]), costs)
