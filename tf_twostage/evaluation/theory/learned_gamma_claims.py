"""The claims on a VAE that learns gamma."""

from collections.abc import Sequence

import numpy as np

from tf_twostage import recipes
from tf_twostage.evaluation.theory.learned_gamma import LearnedGamma
from tf_twostage.evaluation.theory.verdicts import (
    Claim,
    Curve,
    Plot,
    Verdict,
    by_manifold,
    mean_curve,
    row,
)

GAMMA_FALLS = Claim(
    "gamma_falls",
    "A learned gamma falls toward 0",
    "Theorems 2 and 3",
    "At the end gamma is below 1/1000 of the points' variance per coordinate.",
)
DIMENSIONS = Claim(
    "dimensions",
    "As many latent dimensions are active as the manifold has",
    "section 3",
    f"r_hat, the number of lambda_j below {recipes.ACTIVE_BELOW:g}, is r.",
)
NOISE = Claim(
    "noise",
    "Noise in superfluous dimensions leaves x_hat unchanged, and x_hat is x",
    "Theorem 4",
    "N(0, 1) noise on superfluous dimensions moves x_hat by less than 1 % of what it and noise on "
    "active ones do together (mean squares). The error at draws of q(z|x) is below 1 % of the "
    "points' variance.",
)
TOO_FEW = Claim(
    "too_few",
    "With kappa < r an error remains, and gamma stops at it",
    "section 3, below equation (9)",
    "Linear: gamma is within 1/1000 of the closed form, the mean of the variances left out. "
    "Curved: gamma ends at least 10 times above that of kappa > r.",
)


def gamma_falls(results: Sequence[LearnedGamma]) -> Verdict:
    """gamma -> 0."""
    rows, curves = [], []
    for label, group in by_manifold(results).items():
        share = np.array([result.gammas[-1] / result.variance for result in group])
        rows.append(row(f"gamma / variance, {label}", "0", share, share < 1e-3))
        curves.append(_over_training(label, group))
    return Verdict(GAMMA_FALLS, tuple(rows), _training_plot(curves))


def dimensions(results: Sequence[LearnedGamma]) -> Verdict:
    """r_hat = r."""
    rows, curves = [], []
    for label, group in by_manifold(results).items():
        active = np.array([result.active for result in group])
        rows.append(row(f"r_hat, {label}", str(group[0].r), active, active == group[0].r))
        numbers = range(1, group[0].kappa + 1)
        curves.append(mean_curve(label, numbers, [result.lambda_ for result in group]))
    label = "latent dimension, by rising lambda"
    plot = Plot(label, "lambda", tuple(curves), log_y=True, whole_x=True)
    return Verdict(DIMENSIONS, tuple(rows), plot)


def noise(results: Sequence[LearnedGamma]) -> Verdict:
    """Equation (7)."""
    rows, curves = [], []
    for label, group in by_manifold(results).items():
        active = np.array([result.moved_by_active for result in group])
        others = np.array([result.moved_by_superfluous for result in group])
        error = np.array([result.error / result.variance for result in group])
        share = others / (active + others)
        rows.append(row(f"share of superfluous ones, {label}", "0", share, share < 0.01))
        rows.append(row(f"error / variance, {label}", "0", error, error < 0.01))
        seeds = [result.seed for result in group]
        curves.append(mean_curve(f"active, {label}", seeds, [active]))
        curves.append(mean_curve(f"superfluous, {label}", seeds, [others]))
    y_label = "mean square by which noise moves x_hat"
    plot = Plot("seed", y_label, tuple(curves), log_y=True, lines=False, whole_x=True)
    return Verdict(NOISE, tuple(rows), plot)


def too_few(few: Sequence[LearnedGamma], enough: Sequence[LearnedGamma]) -> Verdict:
    """`few` have kappa < r; `enough` holds the same manifolds and seeds with kappa > r."""
    rows, curves, more = [], [], by_manifold(enough)
    for label, group in by_manifold(few).items():
        last = np.array([result.gammas[-1] for result in group])
        kappa = group[0].kappa
        curves.append(_over_training(f"{label}, kappa = {kappa}", group))
        curves.append(_over_training(f"{label}, kappa = {more[label][0].kappa}", more[label]))
        if group[0].curved:
            ratio = last / [result.gammas[-1] for result in more[label]]
            rows.append(row(f"gamma / that of kappa > r, {label}", "> 10", ratio, ratio > 10))
        else:
            closed = np.array([result.closed_gamma for result in group])
            ratio, level = last / closed, closed.mean()
            rows.append(row(f"gamma / closed form, {label}", "1", ratio, abs(ratio - 1) < 1e-3))
            curves.append(Curve("closed form", (0.0, 1.0), (level, level), predicted=True))
    return Verdict(TOO_FEW, tuple(rows), _training_plot(curves))


def _over_training(label: str, group: Sequence[LearnedGamma]) -> Curve:
    logged = len(group[0].gammas)
    share = np.arange(1, logged + 1) / logged
    return mean_curve(label, share, [result.gammas for result in group])


def _training_plot(curves: Sequence[Curve]) -> Plot:
    return Plot("share of training", "gamma", tuple(curves), log_y=True)
