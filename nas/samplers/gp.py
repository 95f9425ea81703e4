"""A Gaussian process over points of a grid: numpy and scipy, tens of milliseconds for a thousand trials.

The covariance of two points is

    [ 1 + a_main * sum_d w_d (1 - delta_d) / sum_d w_d + a_joint * exp(-sum_d w_d delta_d)
        + a_numbers * exp(-|x - x'|^2 / 2) ] * exp(-r_rung |rung - rung'| - r_source [source != source'])

with delta_d in [0, 1] the distance along dimension d (0 or 1 for choices), w_d >= 0 its relevance, and x what is
known of a point beforehand (its costs), each in its own length scale. The first terms are main effects, the second
interactions of any order. Results of brief trainings and of earlier studies are correlated, not equal. The
parameters are found by maximum a posteriori, in logarithms, with normal priors: a dimension whose relevance the
data do not show keeps a small one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from nas.samplers.grid import Floats

MAIN, JOINT, NUMBERS, NOISE, RUNG, SOURCE = range(6)
FIRST = 6  # those are the places of the first parameters; the length scales and the relevances follow
CONSTANT = 1.0
JITTER = 1e-6
STEPS = 40  # bound on the steps of the fit; it converges in 15 to 30


@dataclass(frozen=True)
class Inputs:
    """n points as the model sees them.

    bits [n, bits]; numbers [n, k], known beforehand, of unit scale; rung [n], 0 at full fidelity and growing
    as the training gets briefer; source [n], 0 for the study itself; noise [n], the variance of the values beside the
    noise that all share, where it is known (0 where not).
    """

    bits: Floats
    numbers: Floats
    rung: Floats
    source: NDArray[np.intp]
    noise: Floats

    def __len__(self) -> int:
        return len(self.bits)

    def take(self, which: NDArray[Any]) -> "Inputs":
        """The points of an index or mask."""
        return Inputs(
            self.bits[which], self.numbers[which], self.rung[which], self.source[which], self.noise[which]
        )

    def joined(self, other: "Inputs") -> "Inputs":
        """These points and then the others."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Inputs(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class Kernel:
    """The covariance's shape: the axis and share of each bit (see grid.Grid), the number of axes and of numbers."""

    bit_axes: NDArray[np.intp]
    bit_shares: Floats
    axes: int
    numbers: int

    @property
    def prior(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the logarithms of all parameters."""
        mean = [0.5, 0.5, 0.5, 0.02, 0.07, 0.1] + [1.0] * self.numbers + [2.0 / max(self.axes, 1)] * self.axes
        spread = [1.0, 1.0, 1.0, 1.5, 1.0, 1.0] + [0.7] * self.numbers + [1.0] * self.axes
        return np.log(mean), np.array(spread)

    def parts(self, theta: Floats, a: Inputs, b: Inputs) -> tuple[Floats, Floats, Floats, Floats]:
        """Weighted distance [n, m] and the three correlations: main effects, joint, numbers."""
        weights = np.exp(theta[FIRST + self.numbers :])
        bit_weights = weights[self.bit_axes] * self.bit_shares
        weighted = a.bits * bit_weights
        distance = weighted @ b.bits.T
        distance *= -2.0
        distance += weighted.sum(axis=1)[:, None] + (b.bits @ bit_weights)[None]
        np.maximum(distance, 0.0, out=distance)
        main = 1.0 - distance / weights.sum()
        if not self.numbers:
            return distance, main, np.exp(-distance), np.zeros_like(distance)
        scales = np.exp(-theta[FIRST : FIRST + self.numbers])
        x, y = a.numbers * scales, b.numbers * scales
        squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None] - 2.0 * (x @ y.T)
        return distance, main, np.exp(-distance), np.exp(-0.5 * np.maximum(squares, 0.0))

    def relation(self, theta: Floats, a: Inputs, b: Inputs) -> Floats | float:
        """Correlation [n, m] of rungs and sources; 1.0 where all are full results of the study."""
        if not (a.rung.any() or b.rung.any() or a.source.any() or b.source.any()):
            return 1.0
        rungs = np.abs(a.rung[:, None] - b.rung[None])
        sources = a.source[:, None] != b.source[None]
        return np.asarray(np.exp(-np.exp(theta[RUNG]) * rungs - np.exp(theta[SOURCE]) * sources))

    def matrix(self, theta: Floats, a: Inputs, b: Inputs) -> Floats:
        """Covariance [n, m], noise left out."""
        _, main, joint, numbers = self.parts(theta, a, b)
        scale = np.exp(theta[:NOISE])
        joint *= scale[JOINT]
        joint += scale[MAIN] * main
        joint += CONSTANT
        if self.numbers:
            joint += scale[NUMBERS] * numbers
        joint *= self.relation(theta, a, b)
        return joint

    def variance(self, theta: Floats) -> float:
        """The prior variance of a point."""
        scale = np.exp(theta[:NOISE])
        return float(CONSTANT + scale[MAIN] + scale[JOINT] + (scale[NUMBERS] if self.numbers else 0.0))

    def loss(self, theta: Floats, x: Inputs, y: Floats) -> tuple[float, Floats]:
        """Negative logarithm of the posterior of the parameters, and its gradient."""
        parts, relation = self.parts(theta, x, x), self.relation(theta, x, x)
        _, main, joint, numbers = parts
        scale = np.exp(theta[:FIRST])
        base = CONSTANT + scale[MAIN] * main + scale[JOINT] * joint
        if self.numbers:
            base += scale[NUMBERS] * numbers
        matrix = base * relation
        matrix[np.diag_indices(len(y))] += scale[NOISE] + JITTER + x.noise
        try:
            lower = cholesky(matrix, lower=True, check_finite=False)
        except LinAlgError:
            return 1e10, np.zeros_like(theta)
        inverse = cho_solve((lower, True), np.eye(len(y)), check_finite=False)
        alpha = inverse @ y
        mean, spread = self.prior
        away = (theta - mean) / spread
        value = 0.5 * y @ alpha + np.log(np.diag(lower)).sum() + 0.5 * away @ away
        outer = 0.5 * (inverse - np.outer(alpha, alpha))
        gradient = away / spread
        gradient[NOISE] += scale[NOISE] * np.trace(outer)
        if isinstance(relation, np.ndarray):
            weighted = outer * base * relation
            rungs = np.abs(x.rung[:, None] - x.rung[None])
            gradient[RUNG] -= scale[RUNG] * (weighted * rungs).sum()
            gradient[SOURCE] -= scale[SOURCE] * weighted[x.source[:, None] != x.source[None]].sum()
        gradient += self._gradient(theta, x, outer * relation, *parts)
        return float(value), gradient

    def _gradient(self, theta: Floats, x: Inputs, outer: Floats, *parts: Floats) -> Floats:
        """The part of the gradient that comes through the covariance of points; `outer` is d loss / d matrix."""
        distance, main, joint, numbers = parts
        gradient, relevances = np.zeros_like(theta), FIRST + self.numbers
        scale, weights = np.exp(theta[:FIRST]), np.exp(theta[relevances:])
        outer_joint = scale[JOINT] * outer * joint
        gradient[MAIN] = scale[MAIN] * (outer * main).sum()
        gradient[JOINT] = outer_joint.sum()
        if self.numbers:
            outer_numbers = scale[NUMBERS] * outer * numbers
            gradient[NUMBERS] = outer_numbers.sum()
            # sum_ij o_ij (x_i - x_j)^2, column by column, without an [n, n] matrix for each
            squares = 2.0 * (outer_numbers.sum(axis=1) @ x.numbers**2)
            squares -= 2.0 * (x.numbers * (outer_numbers @ x.numbers)).sum(axis=0)
            gradient[FIRST:relevances] = squares * np.exp(-2.0 * theta[FIRST:relevances])
        through = -outer_joint - (scale[MAIN] / weights.sum()) * outer  # d loss / d distance, at a fixed sum
        per_bit = 2.0 * (through.sum(axis=1) @ x.bits) - 2.0 * (x.bits * (through @ x.bits)).sum(axis=0)
        per_axis = np.bincount(self.bit_axes, per_bit * self.bit_shares, minlength=self.axes)
        through_sum = scale[MAIN] * (outer * distance).sum() / weights.sum() ** 2
        gradient[relevances:] = weights * (per_axis + through_sum)
        return gradient

    def fit(self, x: Inputs, y: Floats) -> Floats:
        """The most probable parameters given values of mean 0 and unit scale; the same for the same data."""
        mean, spread = self.prior
        bounds = list(zip(mean - 4 * spread, mean + 4 * spread, strict=True))
        steps = {"maxiter": STEPS}
        fitted = minimize(self.loss, mean, (x, y), "L-BFGS-B", jac=True, bounds=bounds, options=steps)
        return np.asarray(fitted.x)


@dataclass(frozen=True)
class Posterior:
    """A Gaussian process given n values."""

    kernel: Kernel
    theta: Floats
    x: Inputs
    lower: Floats
    alpha: Floats

    @classmethod
    def given(cls, kernel: Kernel, theta: Floats, x: Inputs, y: Floats) -> "Posterior":
        """Condition on values [n] of mean 0 and unit scale."""
        matrix = kernel.matrix(theta, x, x)
        matrix[np.diag_indices(len(y))] += np.exp(theta[NOISE]) + JITTER + x.noise
        lower = cholesky(matrix, lower=True, check_finite=False)
        return cls(kernel, theta, x, lower, cho_solve((lower, True), y, check_finite=False))

    def mean(self, at: Inputs) -> Floats:
        """Expected values [m]."""
        return self.kernel.matrix(self.theta, at, self.x) @ self.alpha

    def _cross(self, at: Inputs) -> tuple[Floats, Floats]:
        """Covariance with what is known [m, n], and that whitened [n, m]."""
        cross = self.kernel.matrix(self.theta, at, self.x)
        return cross, solve_triangular(self.lower, cross.T, lower=True, check_finite=False)

    def predict(self, at: Inputs) -> tuple[Floats, Floats]:
        """Expected values and standard deviations [m], of the value itself, without the noise of a training."""
        cross, whitened = self._cross(at)
        variance = self.kernel.variance(self.theta) - np.einsum("nm,nm->m", whitened, whitened)
        return cross @ self.alpha, np.sqrt(np.maximum(variance, 1e-12))

    def draw(self, at: Inputs, rng: np.random.Generator) -> Floats:
        """One joint draw of the values [m]."""
        mean, root = self._joint(at)
        return np.asarray(mean + root @ rng.standard_normal(len(at)))

    def draws(self, at: Inputs, rng: np.random.Generator, count: int) -> Floats:
        """So many joint draws of the values [count, m]."""
        mean, root = self._joint(at)
        return np.asarray(mean + rng.standard_normal((count, len(at))) @ root.T)

    def _joint(self, at: Inputs) -> tuple[Floats, Floats]:
        """Expected values [m] and a root [m, m] of their covariance."""
        cross, whitened = self._cross(at)
        covariance = self.kernel.matrix(self.theta, at, at) - whitened.T @ whitened
        covariance[np.diag_indices(len(at))] += 1e-5
        return cross @ self.alpha, cholesky(covariance, lower=True, check_finite=False)
