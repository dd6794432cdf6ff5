"""Experiment: a VAE of points that fill their space, r = d, with a known density (Theorem 1)."""

import dataclasses

import numpy as np

from tf_twostage.evaluation.theory import fitting, likelihood, manifolds, measures, networks
from tf_twostage.evaluation.theory.budget import Budget

SHOWN = 300  # points of the plot


@dataclasses.dataclass(frozen=True)
class Density:
    """How well the density is recovered; nats per point, means over held-out points."""

    seed: int
    gamma: float
    gap: float  # KL[p_gt || p_theta]: of log p_gt - log p_theta
    gaussian_gap: float  # the same, of the best Gaussian in place of p_theta
    encoder_gap: float  # KL[q(z|x) || p(z|x)]: the cost (2) + log p_theta
    true_log_density: list[float]  # at some of these points
    log_likelihood: list[float]  # log p_theta at the same


def run(budget: Budget, seed: int) -> Density:
    """Trains on a mixture of Gaussians on R^2 with kappa = 2 and a learned gamma.

    The encoder's covariance is diagonal, as everywhere in this package; the theorem's is not.
    """
    rng = np.random.default_rng(seed)
    x = manifolds.mixture_points(budget.points, rng)
    held_out = manifolds.mixture_points(budget.held_out, rng)
    model = networks.vae(2, 2, budget.width, budget.depth, seed, log_sd_x=budget.log_sd)
    fitting.compile_model(model, budget.learning_rate, budget.density_steps)
    fitting.fit(model, fitting.batches(x, budget.batch_size, seed), budget.density_steps)
    true = manifolds.mixture_log_density(held_out)
    found = likelihood.log_likelihood(model, held_out, budget.importance_draws, rng)
    return Density(
        seed,
        gamma=model.gamma,
        gap=float(np.mean(true - found)),
        gaussian_gap=float(np.mean(true)) + gaussian_entropy(x),
        encoder_gap=measures.cost(model, held_out, rng) + float(np.mean(found)),
        true_log_density=true[:SHOWN].tolist(),
        log_likelihood=found[:SHOWN].tolist(),
    )


def gaussian_entropy(x: np.ndarray) -> float:
    """The entropy of the Gaussian with the moments of points [N, d], nats.

    It is the least mean of -log N(x) over the points.
    """
    log_determinant = np.linalg.slogdet(np.cov(x.T, bias=True))[1]
    return float((x.shape[1] * (1 + np.log(2 * np.pi)) + log_determinant) / 2)
