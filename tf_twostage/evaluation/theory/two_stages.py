"""Experiment: two stages, one after the other, with an autoencoder first, or trained jointly."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tf_twostage.evaluation import diagnostics, mmd
from tf_twostage.evaluation.theory import fitting, manifolds, measures, networks
from tf_twostage.evaluation.theory.budget import Budget
from tf_twostage.models.ablations import JointVAE
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.models.networks import Posterior

R, KAPPA = 2, 4  # dimensions of the manifold and of both stages' latents
KINDS = ("vae", "autoencoder", "joint")


@dataclasses.dataclass(frozen=True)
class TwoStages:
    """What the second stage makes of the latents of the first."""

    kind: str  # of stage 1, trained first: "vae", "autoencoder"; or both at once: "joint"
    seed: int
    kappa: int
    gamma1: float  # of stage 1, per coordinate of x
    gamma2: float  # of stage 2, over the variance of z
    active2: int  # active dimensions of stage 2
    z_to_normal: mmd.TwoSampleTest  # q(z) against N(0, I), before stage 2
    u_to_normal: mmd.TwoSampleTest  # q(u) against N(0, I), after it
    z_to_model: mmd.TwoSampleTest  # q(z) against the z that stage 2 makes of u ~ N(0, I)
    x_of_stage1: mmd.TwoSampleTest  # held-out x against x_hat of z ~ N(0, I)
    x_of_both: mmd.TwoSampleTest  # held-out x against x_hat of the z that stage 2 makes


class Stages(NamedTuple):
    """Both stages, trained."""

    stage1: GaussianVAE
    stage2: GaussianVAE
    scale: float = 1.0  # stage 1's latents times this are the data of stage 2


def run(budget: Budget, kind: str, seed: int) -> TwoStages:
    """Trains both stages on a curved manifold, and tests their latents and samples.

    On the manifold the points have the density of `manifolds.mixture_points`.
    """
    rng = np.random.default_rng(seed)
    manifold = manifolds.Manifold(R, budget.d, True, seed)
    x, held_out = (
        manifold.embed(manifolds.mixture_points(count, rng)).astype(np.float32)
        for count in (budget.points, budget.held_out)
    )
    return _measured(budget, kind, seed, _trained(budget, kind, x, seed), held_out, rng)


def _measured(
    budget: Budget, kind: str, seed: int, stages: Stages, x: np.ndarray, rng: np.random.Generator
) -> TwoStages:
    """The numbers of both stages at held-out points x [N, d]."""
    stage1, stage2, scale = stages
    z = scale * measures.draw(measures.encode(stage1, x), rng)
    posterior = measures.encode(stage2, z)  # q(u|z)
    normal, noise = (measures.normal(z.shape, rng) for _ in range(2))
    made = stage2.draw(measures.decode(stage2, normal), noise)  # z ~ p(z|u), u ~ N(0, I)

    def test(first: np.ndarray, second: np.ndarray) -> mmd.TwoSampleTest:
        return mmd.test(first[: budget.tested], second[: budget.tested], budget.permutations, rng)

    return TwoStages(
        kind,
        seed,
        KAPPA,
        gamma1=stage1.gamma,
        gamma2=stage2.gamma / float(z.var(axis=0).mean()),
        active2=diagnostics.active_dimensions(diagnostics.eigenvalues(posterior.stddev)),
        z_to_normal=test(z, normal),
        u_to_normal=test(measures.draw(posterior, rng), normal),
        z_to_model=test(z, made),
        x_of_stage1=test(x, measures.decode(stage1, normal / scale)),
        x_of_both=test(x, measures.decode(stage1, made / scale)),
    )


def _trained(budget: Budget, kind: str, x: np.ndarray, seed: int) -> Stages:
    if kind == "joint":
        return _jointly(budget, x, seed)
    if kind == "vae":
        return _stage2_after(_stage1(networks.vae, budget, x, seed), 1.0, budget, x, seed)
    stage1 = _stage1(networks.autoencoder, budget, x, seed)
    # The scale of these latents means nothing, so stage 2 gets them over their root mean square.
    scale = 1 / float(np.sqrt(np.square(measures.encode(stage1, x).mean).mean()))
    return _stage2_after(stage1, scale, budget, x, seed)


def _stage1(build: Callable, budget: Budget, x: np.ndarray, seed: int) -> GaussianVAE:
    stage1 = build(budget.d, KAPPA, budget.width, budget.depth, seed)
    fitting.compile_model(stage1, budget.learning_rate, budget.steps)
    fitting.fit(stage1, fitting.batches(x, budget.batch_size, seed), budget.steps)
    return stage1


def _stage2_after(
    stage1: GaussianVAE, scale: float, budget: Budget, x: np.ndarray, seed: int
) -> Stages:
    """Trains stage 2 on the latents of stage 1, drawn anew in every batch."""
    posterior = Posterior(*(scale * part for part in measures.encode(stage1, x)))
    stage2 = _new_stage2(budget, seed)
    fitting.compile_model(stage2, budget.learning_rate, budget.density_steps)
    batches = fitting.latent_batches(posterior, budget.batch_size, seed)
    fitting.fit(stage2, batches, budget.density_steps)
    return Stages(stage1, stage2, scale)


def _jointly(budget: Budget, x: np.ndarray, seed: int) -> Stages:
    """Trains both stages at once, for as many steps as stage 2 takes elsewhere."""
    stage1 = networks.vae(budget.d, KAPPA, budget.width, budget.depth, seed)
    stage2 = _new_stage2(budget, seed)
    model = JointVAE(stage1, stage2)
    fitting.compile_model(model, budget.learning_rate, budget.density_steps)
    batches = fitting.batches(x, budget.batch_size, seed)
    fitting.fit(model, fitting.with_noise(batches, 2 * KAPPA, seed), budget.density_steps)
    return Stages(stage1, stage2)


def _new_stage2(budget: Budget, seed: int) -> GaussianVAE:
    sizes = budget.width, budget.depth, seed
    return networks.vae(KAPPA, KAPPA, *sizes, log_sd_x=budget.log_sd)
