"""Experiment: one VAE that learns gamma, with more or fewer latent dimensions than needed."""

import dataclasses

import numpy as np

from tf_twostage import recipes
from tf_twostage.evaluation import diagnostics
from tf_twostage.evaluation.theory import fitting, measures, networks, ppca
from tf_twostage.evaluation.theory.budget import Budget
from tf_twostage.evaluation.theory.manifolds import Manifold


@dataclasses.dataclass(frozen=True)
class LearnedGamma:
    """What a VAE with a learned gamma settles at; per coordinate where nothing else is said."""

    curved: bool
    r: int
    d: int
    kappa: int
    seed: int
    gammas: list[float]  # over training
    lambda_: list[float]  # encoder variances, ascending, [kappa]
    active: int  # r_hat, how many of them are below `recipes.ACTIVE_BELOW`
    variance: float  # of the points
    error: float  # mean squared error at draws z ~ q(z|x)
    moved_by_active: float  # mean square by which noise on the active dimensions moves x_hat
    moved_by_superfluous: float  # the same, of noise on the others
    closed_gamma: float  # that of probabilistic PCA, for a linear manifold


def run(budget: Budget, r: int, curved: bool, kappa: int, seed: int) -> LearnedGamma:
    """Trains from gamma = 1 as the paper does; a linear manifold has linear networks."""
    rng = np.random.default_rng(seed)
    manifold = Manifold(r, budget.d, curved, seed)
    depth, steps, points, batch_size = budget.training(curved, budget.steps)
    x, held_out = manifold.points(points, rng), manifold.points(budget.held_out, rng)
    model = networks.vae(budget.d, kappa, budget.width, depth, seed)
    fitting.compile_model(model, budget.learning_rate, steps, budget.logged)
    batches = fitting.batches(x, batch_size, seed)
    logs = fitting.fit(model, batches, steps, budget.logged)
    output = measures.outputs(model, held_out, measures.normal((len(held_out), kappa), rng))
    lambda_ = diagnostics.eigenvalues(output.sd_z)
    active = lambda_ < recipes.ACTIVE_BELOW
    moved = measures.effect_of_noise(model, held_out, active, rng)
    return LearnedGamma(
        curved,
        r,
        budget.d,
        kappa,
        seed,
        gammas=[float(gamma) for gamma in logs["gamma"]],
        lambda_=sorted(lambda_.tolist()),
        active=int(active.sum()),
        variance=float(held_out.var(axis=0).mean()),
        error=float(np.square(held_out - output.x_hat).mean()),
        moved_by_active=moved.active,
        moved_by_superfluous=moved.superfluous,
        closed_gamma=ppca.best_gamma(ppca.spectrum(x), kappa),
    )
