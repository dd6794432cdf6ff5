"""Networks, losses, the two-stage model, inference and export."""

from tf_twostage import keras_settings

keras_settings.require_tensorflow()  # before any module here imports Keras
