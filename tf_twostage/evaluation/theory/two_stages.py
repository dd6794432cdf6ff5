"""Experiment: two stages, one after the other, with an autoencoder first, or trained jointly."""

import dataclasses

import numpy as np

from tf_twostage.evaluation import diagnostics
from tf_twostage.evaluation.theory import fitting, manifolds, measures, mmd, networks
from tf_twostage.evaluation.theory.budget import Budget
from tf_twostage.models.ablations import JointVAE
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


def run(budget: Budget, kind: str, seed: int) -> TwoStages:
    """Trains both stages on a curved manifold, and tests their latents and samples.

    On the manifold the points have the density of `manifolds.mixture_points`.

    The scale of an autoencoder's latents means nothing: stage 2 gets them over their root mean
    square. Joint training takes as many steps as the longer of both stages.
    """
    rng = np.random.default_rng(seed)
    manifold = manifolds.Manifold(R, budget.d, True, seed)
    x, held_out = (
        manifold.embed(manifolds.mixture_points(count, rng)).astype(np.float32)
        for count in (budget.points, budget.held_out)
    )
    train = _train_jointly if kind == "joint" else _train_in_turn
    stage1, stage2, scale = train(budget, kind, x, seed)
    z = scale * measures.draw(measures.encode(stage1, held_out), rng)
    u = measures.draw(measures.encode(stage2, z), rng)
    normal = measures.normal(z.shape, rng)
    z_model = stage2.draw(measures.decode(stage2, normal), measures.normal(z.shape, rng))

    def test(first, second) -> mmd.TwoSampleTest:
        n = budget.tested
        return mmd.test(first[:n], second[:n], budget.permutations, rng)

    return TwoStages(
        kind,
        seed,
        KAPPA,
        gamma1=stage1.gamma,
        gamma2=stage2.gamma / float(z.var(axis=0).mean()),
        active2=diagnostics.active_dimensions(
            diagnostics.eigenvalues(measures.encode(stage2, z).stddev)
        ),
        z_to_normal=test(z, normal),
        u_to_normal=test(u, measures.normal(u.shape, rng)),
        z_to_model=test(z, z_model),
        x_of_stage1=test(held_out, measures.decode(stage1, normal / scale)),
        x_of_both=test(held_out, measures.decode(stage1, z_model / scale)),
    )


def _train_in_turn(budget: Budget, kind: str, x: np.ndarray, seed: int):
    """Stage 1, stage 2, and the factor that z is multiplied by in between."""
    sizes = budget.width, budget.depth, seed
    build = networks.autoencoder if kind == "autoencoder" else networks.vae
    stage1 = build(budget.d, KAPPA, *sizes)
    fitting.compile_model(stage1, budget.learning_rate, budget.steps)
    fitting.fit(stage1, fitting.batches(x, budget.batch_size, seed), budget.steps)
    posterior = measures.encode(stage1, x)
    scale = 1 / np.sqrt(np.square(posterior.mean).mean()) if kind == "autoencoder" else 1.0
    stage2 = networks.vae(KAPPA, KAPPA, *sizes, log_sd_x=budget.log_sd)
    fitting.compile_model(stage2, budget.learning_rate, budget.density_steps)
    scaled = Posterior(*(scale * part for part in posterior))
    batches = fitting.latent_batches(scaled, budget.batch_size, seed)
    fitting.fit(stage2, batches, budget.density_steps)
    return stage1, stage2, scale


def _train_jointly(budget: Budget, kind: str, x: np.ndarray, seed: int):
    sizes = budget.width, budget.depth, seed
    stage1 = networks.vae(budget.d, KAPPA, *sizes)
    stage2 = networks.vae(KAPPA, KAPPA, *sizes, log_sd_x=budget.log_sd)
    joint = JointVAE(stage1, stage2)
    fitting.compile_model(joint, budget.learning_rate, budget.density_steps)
    batches = fitting.batches(x, budget.batch_size, seed)
    batches = fitting.with_noise(batches, 2 * KAPPA, seed)
    fitting.fit(joint, batches, budget.density_steps)
    return stage1, stage2, 1.0
