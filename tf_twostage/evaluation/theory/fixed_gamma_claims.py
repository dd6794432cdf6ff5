"""The claims on the optimum at a fixed gamma, as gamma becomes smaller."""

from collections.abc import Sequence

import numpy as np

from tf_twostage.evaluation.theory.fixed_gamma import FixedGamma
from tf_twostage.evaluation.theory.verdicts import (
    Claim,
    Curve,
    Plot,
    Verdict,
    by_manifold,
    mean_curve,
    row,
    slope,
)

TOLERANCE = 1e-3  # of closed forms

SMALLER_GAMMA = Claim(
    "smaller_gamma",
    "A smaller gamma has a smaller optimal cost",
    "Theorem 3",
    "The cost falls from each fixed gamma to the next smaller one.",
)
COST_SLOPE = Claim(
    "cost_slope",
    "Near the optimum the cost falls like (d - r) log gamma",
    "equations (8) and (9)",
    "The least-squares slope of the cost over log gamma is within 10 % of (d - r) / 2. (The "
    "equations are of twice the cost; the cost itself, in nats per x, has half their slope.)",
)
ENCODER_VARIANCES = Claim(
    "encoder_variances",
    "Encoder variances of active dimensions shrink like gamma; superfluous ones stay at 1",
    "appendix I, equation (84)",
    "Active: the least-squares slope of log lambda over log gamma is within 10 % of 1. "
    "Superfluous: lambda at the smallest gamma is within 0.1 of 1.",
)
CLOSED_FORMS = Claim(
    "closed_forms",
    "Linear networks reach the closed forms of probabilistic PCA",
    "Tipping and Bishop (1999)",
    f"At every gamma the cost, in nats per coordinate, and each lambda are within {TOLERANCE:g} of "
    "theirs.",
)


def smaller_gamma(results: Sequence[FixedGamma]) -> Verdict:
    """Theorem 3."""
    rows, curves = [], []
    for label, group in by_manifold(results).items():
        costs = np.array([result.costs for result in group])  # [seeds, G]
        least = -np.diff(costs).max(axis=1)
        rows.append(row(f"least fall of the cost (nats), {label}", "> 0", least, least > 0))
        curves.append(mean_curve(label, group[0].gammas, costs))
    plot = Plot("gamma", "cost, nats per x", tuple(curves), log_x=True)
    return Verdict(SMALLER_GAMMA, tuple(rows), plot)


def cost_slope(results: Sequence[FixedGamma]) -> Verdict:
    """2 * cost = (d - r) log gamma + O(1)."""
    rows, curves = [], []
    for label, group in by_manifold(results).items():
        log_gamma = np.log(group[0].gammas)
        costs = np.array([result.costs for result in group])  # [seeds, G]
        expected = (group[0].d - group[0].r) / 2
        slopes = np.array([slope(log_gamma, cost) for cost in costs])
        near = abs(slopes / expected - 1) < 0.1
        rows.append(row(f"slope, {label}", f"{expected:g}", slopes, near))
        curves.append(mean_curve(label, group[0].gammas, costs))
        line = costs.mean(axis=0)[-1] + expected * (log_gamma - log_gamma[-1])
        curves.append(mean_curve("(d - r) / 2 log gamma", group[0].gammas, [line], predicted=True))
    plot = Plot("gamma", "cost, nats per x", tuple(curves), log_x=True)
    return Verdict(COST_SLOPE, tuple(rows), plot)


def encoder_variances(results: Sequence[FixedGamma]) -> Verdict:
    """lambda_j = 1 / (1 + S_j / gamma) for active j, 1 for the others."""
    rows, curves = [], []
    for label, group in by_manifold(results).items():
        r, gammas = group[0].r, group[0].gammas
        lambda_ = np.array([result.lambda_ for result in group])  # [seeds, G, kappa]
        active = np.exp(np.log(lambda_[..., :r]).mean(axis=-1))  # geometric mean, [seeds, G]
        others = lambda_[..., r:].mean(axis=-1)
        slopes = np.array([slope(np.log(gammas), np.log(values)) for values in active])
        last = others[:, -1]
        rows.append(row(f"slope, active, {label}", "1", slopes, abs(slopes - 1) < 0.1))
        rows.append(row(f"lambda, superfluous, {label}", "1", last, abs(last - 1) < 0.1))
        curves.append(mean_curve(f"active, {label}", gammas, active))
        curves.append(mean_curve(f"superfluous, {label}", gammas, others))
    plot = Plot("gamma", "mean lambda", tuple(curves), log_x=True, log_y=True)
    return Verdict(ENCODER_VARIANCES, tuple(rows), plot)


def closed_forms(results: Sequence[FixedGamma]) -> Verdict:
    """`results` are those of linear manifolds."""
    rows, curves = [], []
    for label, group in by_manifold(results).items():
        costs = np.abs([np.subtract(r.costs, r.closed_costs) / r.d for r in group])  # [seeds, G]
        lambda_ = np.abs([np.subtract(r.lambda_, r.closed_lambda) for r in group]).max(axis=-1)
        for what, errors in (("cost", costs), ("lambda", lambda_)):
            worst = errors.max(axis=1)
            rows.append(row(f"{what}, greatest error, {label}", "0", worst, worst < TOLERANCE))
            curves.append(mean_curve(f"{what}, {label}", group[0].gammas, errors))
    gammas = results[0].gammas
    limit = Curve("tolerance", (gammas[0], gammas[-1]), (TOLERANCE, TOLERANCE), predicted=True)
    plot = Plot("gamma", "distance from the closed form", (*curves, limit), True, True)
    return Verdict(CLOSED_FORMS, tuple(rows), plot)
