"""Experiment: one VAE at ever smaller, fixed gamma."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from tf_twostage.evaluation import diagnostics
from tf_twostage.evaluation.theory import fitting, measures, networks, ppca
from tf_twostage.evaluation.theory.budget import Budget
from tf_twostage.evaluation.theory.manifolds import Manifold


@dataclasses.dataclass(frozen=True)
class FixedGamma:
    """Cost and encoder variances near the optimum at each gamma."""

    curved: bool
    r: int
    d: int
    seed: int
    gammas: list[float]  # descending, [G]
    costs: list[float]  # equation (2) at them, nats per x, [G]
    lambda_: list[list[float]]  # encoder variances, ascending, [G, kappa]
    closed_costs: list[float]  # those of probabilistic PCA; empty on a curved manifold
    closed_lambda: list[list[float]]  # likewise


def run(budget: Budget, r: int, curved: bool, seed: int) -> FixedGamma:
    """Trains at each gamma in turn, going on from the weights of the last one.

    On a linear manifold the networks are linear, and cost and variances are measured on the
    training set, for which the closed forms hold; else on held-out points.
    """
    rng = np.random.default_rng(seed)
    manifold, kappa = Manifold(r, budget.d, curved, seed), r + budget.superfluous
    depth, steps, points, batch_size = budget.training(curved, budget.gamma_steps)
    x = manifold.points(points, rng)
    measured = manifold.points(budget.held_out, rng) if curved else x
    model = networks.vae(budget.d, kappa, budget.width, depth, seed, learn_gamma=False)
    fitting.compile_model(model, budget.learning_rate, steps)
    costs, lambda_ = [], []
    for rung, gamma in enumerate((budget.first_gamma, *budget.gammas)):
        model.log_sd_x.assign(math.log(gamma) / 2)
        fitting.fit(model, fitting.batches(x, batch_size, seed + rung), steps)
        costs.append(measures.cost(model, measured, rng))
        stddev = measures.encode(model, measured).stddev
        lambda_.append(sorted(diagnostics.eigenvalues(stddev).tolist()))
    closed = [] if curved else _closed_forms(x, kappa, budget.gammas)
    return FixedGamma(
        curved,
        r,
        budget.d,
        seed,
        gammas=list(budget.gammas),
        costs=costs[1:],
        lambda_=lambda_[1:],
        closed_costs=[cost for cost, _ in closed],
        closed_lambda=[variances for _, variances in closed],
    )


def _closed_forms(x, kappa: int, gammas: Sequence[float]) -> list[tuple[float, list[float]]]:
    """Cost and encoder variances of probabilistic PCA at each gamma."""
    spectrum = ppca.spectrum(x)
    return [
        (ppca.cost(spectrum, kappa, gamma), ppca.encoder_variances(spectrum, kappa, gamma).tolist())
        for gamma in gammas
    ]
