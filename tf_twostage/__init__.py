"""The two-stage VAE of "Diagnosing and Enhancing VAE Models" (Dai and Wipf, 2019) in Keras 3."""

__all__ = ["TwoStageVAE"]


def __getattr__(name: str):
    if name == "TwoStageVAE":  # on demand: importing Keras takes seconds
        from tf_twostage import keras_settings

        keras_settings.require_tensorflow()
        from tf_twostage.models.two_stage import TwoStageVAE

        return TwoStageVAE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
