"""What all models that `fit_stage` trains have in common."""

import keras
import tensorflow as tf
from keras import ops


class Trainable(keras.Model):
    """A Keras model that trains alike on one device, on several replicas and on several workers.

    A subclass builds its weights itself and computes its loss with `total_loss`.

    Attributes:
      across_workers: True keeps the logs of a step down to the loss, in the one shape that Keras
        can average over several workers. Metrics count every step all the same.
    """

    across_workers = False

    @property
    def watched(self) -> tuple[keras.metrics.Metric, ...]:
        """The terms of the loss, which must stay finite."""
        raise NotImplementedError

    def build_optimizers(self) -> None:
        """Creates the state of the optimiser, so that a checkpoint has where to go."""
        self.optimizer.build(self.trainable_variables)

    def pretrain(self, batches) -> None:
        """What is done once before the first step, on the batches of the stage: nothing."""

    def total_loss(self, objective, part: keras.Model | None = None):
        """A loss, mean over this replica's slice of the batch, plus the weight decay of all layers.

        With `part` it is the weight decay of that part's layers alone.

        The optimiser sums over replicas, so each term is divided by their number. (`add_loss` would
        do that too, but keeps one list for all replicas: the second would count the first's loss.)
        """
        return sum(map(self._aggregate_additional_loss, [objective, *(part or self).losses]))

    def track_loss(self, loss) -> None:
        """Logs a loss that `total_loss` gave, for a `train_step` of one's own."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self._loss_tracker.update_state(replicas * loss)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The logs of a step."""
        return self.shaped(super().compute_metrics(x, y, y_pred, sample_weight))

    def shaped(self, logs: dict) -> dict:
        """The logs of a step as `fit` needs them; see `across_workers`."""
        return {"loss": ops.reshape(logs["loss"], (1,))} if self.across_workers else logs

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing: all weights are there. (Keras would first average a batch over the replicas,
        which fails on several workers where a batch is a dict.)"""
