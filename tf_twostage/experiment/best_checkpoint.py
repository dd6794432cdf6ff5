"""FIDs while a stage trains, and the weights of the best checkpoint.

The study behind Table 1's GANs reports the best of such checkpoints. It is chosen by an FID against
the held-out images, so it flatters; the last checkpoint's FID stands beside it.
"""

import dataclasses

import keras

from tf_twostage import epoch_log
from tf_twostage.evaluation.fid_scores import FidMeter
from tf_twostage.metrics import BestFid, FidScores
from tf_twostage.models import weights
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.run_folder import RunFolder


class CheckpointFids(keras.callbacks.Callback):
    """Measures FIDs every so many epochs; keeps the weights of the best checkpoint.

    Not at the end of the last epoch: the finished model is scored anyhow, see `with_best`.

    Args:
      model: the model that trains, in its last stage.
      meter: measures.
      folder: the run folder; its `fids` and `best_weights` are written.
      seed: int, of the samples.
    """

    def __init__(self, model: LatentModel, meter: FidMeter, folder: RunFolder, seed: int):
        super().__init__()
        self.sampled = model
        self.meter = meter
        self.folder = folder
        self.seed = seed
        self.every = model.recipe.fid_every

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        if done % self.every or done == self.params["epochs"]:
            return
        stage = self.sampled.last_stage
        earlier = self.folder.read_fids(before=done)
        self.sampled.trained.add(stage)
        row = {"epoch": done, **self.meter.of_samples(self.sampled, self.seed, stage)}
        if BestFid.of([*earlier, row], self.meter.spec.protocol).epoch == done:
            weights.save(self.model, self.folder.best_weights(stage))
        epoch_log.write_rows(self.folder.fids, [*earlier, row])


def with_best(fids: FidScores, folder: RunFolder, stage: int, epochs: int) -> FidScores:
    """The FIDs of a finished run, with the best of all its checkpoints.

    Where the finished model is the best one, the weights of an earlier one are deleted.
    """
    last = {protocol: found[f"stage{stage}"] for protocol, found in fids.protocols.items()}
    earlier = folder.read_fids(before=epochs)
    best = BestFid.of([*earlier, {"epoch": epochs, **last}], fids.protocol)
    if best.epoch == epochs:
        folder.best_weights(stage).unlink(missing_ok=True)
    return dataclasses.replace(fids, best=best)
