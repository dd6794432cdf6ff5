"""Every experiment behind the claims: one trained model, or two stages of them, for one seed."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping

from tf_twostage import json_forms
from tf_twostage.evaluation.mmd import TwoSampleTest
from tf_twostage.evaluation.theory import density, fixed_gamma, learned_gamma, two_stages
from tf_twostage.evaluation.theory.budget import Budget
from tf_twostage.evaluation.theory.density import Density
from tf_twostage.evaluation.theory.fixed_gamma import FixedGamma
from tf_twostage.evaluation.theory.learned_gamma import LearnedGamma
from tf_twostage.evaluation.theory.two_stages import TwoStages

FORMS = {  # of a field in JSON
    bool: lambda value: isinstance(value, bool),
    str: json_forms.text,
    int: json_forms.count,
    float: json_forms.number,
    list[float]: [json_forms.number],
    list[list[float]]: [[json_forms.number]],
    TwoSampleTest: [json_forms.number],
}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One file of results."""

    name: str
    result: type  # the dataclass that `run` returns
    run: Callable[[], object]

    def restored(self, values: Mapping) -> object:
        """The result again, from its fields as JSON has them.

        Raises:
          KeyError, TypeError: a field is missing, or of another type than the result's.
        """
        fields = dataclasses.fields(self.result)
        for field in fields:
            value = values[field.name]
            if value is None or not json_forms.fits(value, FORMS[field.type]):
                raise TypeError(f"{field.name} is no {field.type}")
        tests = {f.name: TwoSampleTest(*values[f.name]) for f in fields if f.type is TwoSampleTest}
        return self.result(**values | tests)


def planned(budget: Budget) -> list[Experiment]:
    """All experiments of a budget, in the order in which they run."""
    return [experiment for seed in budget.seeds for experiment in _of_seed(budget, seed)]


def too_few_r(budget: Budget) -> int:
    """The r of the manifold that a VAE with kappa = r - 1 is trained on: the middle one."""
    return budget.dimensions[len(budget.dimensions) // 2]


def _of_seed(budget: Budget, seed: int) -> Iterable[Experiment]:
    for curved in (False, True):
        shape = "curved" if curved else "linear"
        for r in budget.dimensions:
            run = functools.partial(fixed_gamma.run, budget, r, curved, seed)
            yield Experiment(f"fixed_gamma-{shape}-r{r}-seed{seed}", FixedGamma, run)
        sizes = [(r, r + budget.superfluous) for r in budget.dimensions]
        for r, kappa in [*sizes, (too_few_r(budget), too_few_r(budget) - 1)]:
            run = functools.partial(learned_gamma.run, budget, r, curved, kappa, seed)
            name = f"learned_gamma-{shape}-r{r}-kappa{kappa}-seed{seed}"
            yield Experiment(name, LearnedGamma, run)
    run = functools.partial(density.run, budget, seed)
    yield Experiment(f"density-seed{seed}", Density, run)
    for kind in two_stages.KINDS:
        run = functools.partial(two_stages.run, budget, kind, seed)
        yield Experiment(f"two_stages-{kind}-seed{seed}", TwoStages, run)
