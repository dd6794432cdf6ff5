"""The learning rate, which is halved every so many epochs."""

import keras

from tf_twostage import recipes


def halved_rate(
    schedule: recipes.Schedule, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """rate(t) = learning_rate * 0.5 ** floor(t / (halve_every * steps)), t in steps.

    Args:
      schedule: with `halve_every` in epochs.
      steps: batches an epoch.
    """
    return keras.optimizers.schedules.ExponentialDecay(
        schedule.learning_rate, schedule.halve_every * steps, 0.5, staircase=True
    )
