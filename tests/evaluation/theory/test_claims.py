"""Each claim agrees with results that the theory predicts, and with no others."""

import dataclasses

import numpy as np
import pytest

from tf_twostage.evaluation.mmd import TwoSampleTest
from tf_twostage.evaluation.theory import (
    distribution_claims,
    fixed_gamma_claims,
    learned_gamma_claims,
    ppca,
)
from tf_twostage.evaluation.theory.density import Density
from tf_twostage.evaluation.theory.fixed_gamma import FixedGamma
from tf_twostage.evaluation.theory.learned_gamma import LearnedGamma
from tf_twostage.evaluation.theory.two_stages import TwoStages

D, R, KAPPA = 20, 2, 5
GAMMAS = [1e-2, 1e-3, 1e-4]


def at_fixed_gamma(seed=0, **changes):
    """The optimum of probabilistic PCA on a plane, for which all claims hold."""
    spectrum = np.array([4.0, 1.0] + [0.0] * (D - R))
    costs = [ppca.cost(spectrum, KAPPA, gamma) for gamma in GAMMAS]
    lambda_ = [ppca.encoder_variances(spectrum, KAPPA, gamma).tolist() for gamma in GAMMAS]
    ideal = FixedGamma(False, R, D, seed, GAMMAS, costs, lambda_, costs, lambda_)
    return dataclasses.replace(ideal, **changes)


def at_learned_gamma(seed=0, **changes):
    ideal = LearnedGamma(
        curved=False,
        r=R,
        d=D,
        kappa=KAPPA,
        seed=seed,
        gammas=[1.0, 1e-2, 1e-5],
        lambda_=[1e-5, 1e-5, 0.99, 1.0, 1.0],
        active=2,
        variance=0.25,
        error=1e-5,
        moved_by_active=0.2,
        moved_by_superfluous=1e-6,
        closed_gamma=0.0,
    )
    return dataclasses.replace(ideal, **changes)


SAME, OTHER = TwoSampleTest(1e-5, 0.4), TwoSampleTest(0.03, 0.001)


def two_stages(kind="vae", seed=0, **changes):
    ideal = TwoStages(kind, seed, 4, 1e-5, 0.05, 4, OTHER, SAME, SAME, OTHER, SAME)
    return dataclasses.replace(ideal, **changes)


def rows(verdict):
    return {row.what: row for row in verdict.rows}


def test_smaller_gamma_must_cost_less_at_every_step_of_every_seed():
    good, bad = at_fixed_gamma(), at_fixed_gamma(1, costs=[-10.0, -50.0, -49.0])
    assert fixed_gamma_claims.smaller_gamma([good]).agrees
    verdict = fixed_gamma_claims.smaller_gamma([good, bad])
    assert not verdict.agrees
    assert verdict.rows[0].values[1] == -1


def test_cost_slope_is_half_of_d_minus_r_within_a_tenth():
    verdict = fixed_gamma_claims.cost_slope([at_fixed_gamma()])
    assert verdict.agrees
    assert verdict.rows[0].values == (pytest.approx((D - R) / 2),)
    for factor, agrees in ((1.09, True), (0.89, False), (1.11, False)):
        costs = [factor * (D - R) / 2 * np.log(gamma) for gamma in GAMMAS]
        assert fixed_gamma_claims.cost_slope([at_fixed_gamma(costs=costs)]).agrees == agrees


def test_encoder_variances_shrink_like_gamma_and_superfluous_ones_stay():
    verdict = fixed_gamma_claims.encoder_variances([at_fixed_gamma()])
    assert verdict.agrees
    assert [row.mean for row in verdict.rows] == [pytest.approx(1), pytest.approx(1)]
    like_its_root = [[g**0.5, g**0.5, 1.0, 1.0, 1.0] for g in GAMMAS]
    used = [[g, g, 0.5, 1.0, 1.0] for g in GAMMAS]
    for lambda_, agree in ((like_its_root, [False, True]), (used, [True, False])):
        verdict = fixed_gamma_claims.encoder_variances([at_fixed_gamma(lambda_=lambda_)])
        assert [row.agrees for row in verdict.rows] == agree


def test_closed_forms_are_met_to_a_thousandth_per_coordinate():
    ideal = at_fixed_gamma()
    assert fixed_gamma_claims.closed_forms([ideal]).agrees
    for error, agrees in ((0.9e-3, True), (1.1e-3, False)):
        costs = [cost + D * error for cost in ideal.costs]
        lambda_ = [[value + error for value in row] for row in ideal.lambda_]
        for change in ({"costs": costs}, {"lambda_": lambda_}):
            changed = dataclasses.replace(ideal, **change)
            assert fixed_gamma_claims.closed_forms([ideal, changed]).agrees == agrees


def test_gamma_must_fall_below_a_thousandth_of_the_variance():
    for last, agrees in ((2.4e-4, True), (2.6e-4, False)):
        result = at_learned_gamma(gammas=[1.0, last])
        assert learned_gamma_claims.gamma_falls([result]).agrees == agrees


def test_r_hat_must_be_r_on_every_seed():
    assert learned_gamma_claims.dimensions([at_learned_gamma(), at_learned_gamma(1)]).agrees
    verdict = learned_gamma_claims.dimensions([at_learned_gamma(), at_learned_gamma(1, active=3)])
    assert not verdict.agrees
    assert verdict.rows[0].mean == 2.5


def test_noise_must_leave_x_hat_alone_and_x_hat_be_x():
    assert learned_gamma_claims.noise([at_learned_gamma()]).agrees
    for change in ({"moved_by_superfluous": 0.0021}, {"error": 0.0026}):
        assert not learned_gamma_claims.noise([at_learned_gamma(**change)]).agrees


def test_too_few_dimensions_stop_gamma_at_the_closed_form():
    few = at_learned_gamma(kappa=1, gammas=[1.0, 0.05, 0.05], closed_gamma=0.05)
    enough = [at_learned_gamma()]
    assert learned_gamma_claims.too_few([few], enough).agrees
    near = dataclasses.replace(few, closed_gamma=0.0501)
    assert not learned_gamma_claims.too_few([near], enough).agrees


def test_too_few_dimensions_on_a_curved_manifold_are_held_against_enough():
    enough = [at_learned_gamma(curved=True)]
    for last, agrees in ((1.1e-4, True), (0.9e-4, False)):
        few = at_learned_gamma(curved=True, kappa=1, gammas=[1.0, 0.1, last])
        assert learned_gamma_claims.too_few([few], enough).agrees == agrees


def test_density_needs_both_divergences_below_a_tenth_of_the_gaussians():
    ideal = Density(0, 0.03, 0.03, 0.4, 0.02, [-1.0, -2.0], [-1.1, -2.0])
    assert distribution_claims.density([ideal]).agrees
    for change in ({"gap": 0.041}, {"encoder_gap": 0.041}):
        changed = dataclasses.replace(ideal, **change)
        assert not distribution_claims.density([ideal, changed]).agrees


def test_second_stage_needs_a_difference_before_and_none_after():
    assert distribution_claims.second_stage([two_stages()]).agrees
    for change in ({"z_to_normal": SAME}, {"u_to_normal": OTHER}, {"z_to_model": OTHER}):
        assert not distribution_claims.second_stage([two_stages(**change)]).agrees


def test_levels_of_tests_are_shared_among_the_seeds():
    rare = TwoSampleTest(1e-5, 0.03)
    assert not distribution_claims.second_stage([two_stages(u_to_normal=rare)]).agrees
    three = [two_stages(seed=seed, u_to_normal=rare) for seed in range(3)]  # 0.05 / 3 each
    assert distribution_claims.second_stage(three).agrees


def test_autoencoder_must_fail_and_let_gamma_fall():
    vaes = [two_stages()]
    failing = two_stages("autoencoder", z_to_model=OTHER, gamma2=1e-5)
    assert distribution_claims.autoencoder([failing], vaes).agrees
    for change in ({"z_to_model": SAME}, {"gamma2": 0.006}):
        changed = dataclasses.replace(failing, **change)
        assert not distribution_claims.autoencoder([changed], vaes).agrees


def test_joint_training_must_gain_less_than_half():
    vaes = [two_stages(x_of_stage1=TwoSampleTest(0.03, 0), x_of_both=TwoSampleTest(0.01, 0))]
    for mmd2, gain in ((0.035, -0.25), (0.021, 0.45), (0.019, 0.55)):
        joint = two_stages("joint", x_of_both=TwoSampleTest(mmd2, 0))
        verdict = distribution_claims.joint([joint], vaes)
        assert verdict.rows[0].mean == pytest.approx(gain)
        assert verdict.agrees == (gain < 0.5)
