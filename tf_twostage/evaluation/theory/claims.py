"""Every claim of the paper that is checked, judged by the results of all experiments."""

from collections.abc import Sequence

from tf_twostage.evaluation.theory import distribution_claims as on_distribution
from tf_twostage.evaluation.theory import fixed_gamma_claims as at_fixed_gamma
from tf_twostage.evaluation.theory import learned_gamma_claims as at_learned_gamma
from tf_twostage.evaluation.theory.density import Density
from tf_twostage.evaluation.theory.fixed_gamma import FixedGamma
from tf_twostage.evaluation.theory.learned_gamma import LearnedGamma
from tf_twostage.evaluation.theory.two_stages import TwoStages
from tf_twostage.evaluation.theory.verdicts import Verdict


def judge(results: Sequence[object]) -> list[Verdict]:
    """The verdicts on all claims, in the order of the paper.

    Args:
      results: of every experiment that `experiments.planned` names.
    """
    fixed = [result for result in results if isinstance(result, FixedGamma)]
    learned = [result for result in results if isinstance(result, LearnedGamma)]
    enough = [result for result in learned if result.kappa > result.r]
    few = [result for result in learned if result.kappa < result.r]
    vaes, autoencoders, joints = (
        [result for result in results if isinstance(result, TwoStages) and result.kind == kind]
        for kind in ("vae", "autoencoder", "joint")
    )
    return [
        on_distribution.density([result for result in results if isinstance(result, Density)]),
        at_learned_gamma.gamma_falls(enough),
        at_learned_gamma.dimensions(enough),
        at_fixed_gamma.smaller_gamma(fixed),
        at_learned_gamma.noise(enough),
        at_fixed_gamma.cost_slope(fixed),
        at_learned_gamma.too_few(few, enough),
        on_distribution.second_stage(vaes),
        on_distribution.autoencoder(autoencoders, vaes),
        on_distribution.joint(joints, vaes),
        at_fixed_gamma.encoder_variances(fixed),
        at_fixed_gamma.closed_forms([result for result in fixed if not result.curved]),
    ]
