"""How large the experiments are and how long they train."""

import dataclasses
from typing import NamedTuple


class Training(NamedTuple):
    """What differs between curved and linear manifolds."""

    depth: int  # hidden layers
    steps: int
    points: int
    batch_size: int


@dataclasses.dataclass(frozen=True)
class Budget:
    """Sizes and schedules of all experiments, the same for each.

    Every value is [ours]: the paper tells of no such experiment. They were chosen so that dense
    networks come near their optimum in some seconds on a CPU.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    dimensions: tuple[int, ...] = (2, 4, 8)  # r of the manifolds
    d: int = 64  # dimension of the space around them
    superfluous: int = 4  # kappa - r
    points: int = 20_000  # of a training set
    held_out: int = 2_000
    width: int = 128  # units of a hidden layer
    depth: int = 2  # hidden layers
    batch_size: int = 250
    learning_rate: float = 3e-3  # Adam's, falls to 0 along half a cosine
    steps: int = 4_000  # of a model that learns gamma
    density_steps: int = 12_000  # where r = d, as in stage 2: a longer way, with smaller networks
    log_sd: float = -1.0  # where r = d: log sd_x at the start, off the plateau of sd_x = 1
    first_gamma: float = 0.3  # not measured: from here superfluous dimensions are left out
    gammas: tuple[float, ...] = (3e-2, 1e-2, 3e-3, 1e-3)  # fixed, one after the other
    gamma_steps: int = 1_500  # at each of them
    linear_steps: int = 8_000  # of linear networks, in place of either: a flat optimum, cheap steps
    linear_points: int = 1_000  # likewise; all are in every batch, which closed forms need
    logged: int = 20  # points of a curve over training
    importance_draws: int = 300  # of z for each x, for log p(x)
    tested: int = 2_000  # points in each sample of a two-sample test
    permutations: int = 999

    def training(self, curved: bool, steps: int) -> Training:
        """How a model trains on a curved manifold, or on a linear one, which has its own steps.

        On a linear manifold the networks are linear.
        """
        if curved:
            return Training(self.depth, steps, self.points, self.batch_size)
        return Training(0, self.linear_steps, self.linear_points, self.linear_points)


FULL = Budget()
