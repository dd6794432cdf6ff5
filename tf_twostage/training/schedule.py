"""The learning rate, which falls at stated epochs."""

import keras

from tf_twostage import recipes


def learning_rate(
    schedule: recipes.Schedule, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The rate of a schedule, which counts epochs, as a function of the step.

    Args:
      schedule: with `halve_every` or `drops`, or a constant rate.
      steps: batches an epoch.
    """
    if schedule.halve_every:  # rate(t) = learning_rate * 0.5 ** floor(t / (halve_every * steps))
        return keras.optimizers.schedules.ExponentialDecay(
            schedule.learning_rate, schedule.halve_every * steps, 0.5, staircase=True
        )
    if schedule.drops:
        rates = [schedule.learning_rate]
        for _, divisor in schedule.drops:
            rates.append(rates[-1] / divisor)
        # Keras' boundaries are the last steps of a rate.
        ends = [epoch * steps - 1 for epoch, _ in schedule.drops]
        return keras.optimizers.schedules.PiecewiseConstantDecay(ends, rates)
    return schedule.learning_rate
