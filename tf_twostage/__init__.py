"""The two-stage VAE of "Diagnosing and Enhancing VAE Models" (Dai and Wipf, 2019) in Keras 3."""

from tf_twostage.models.custom import network

__all__ = ["TwoStageVAE", "load", "network"]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tf_twostage import keras_settings  # on demand: importing Keras takes seconds

    keras_settings.require_tensorflow()
    if name == "load":
        from tf_twostage.models.loading import load

        return load
    from tf_twostage.experiment import library
    from tf_twostage.models.two_stage import TwoStageVAE

    TwoStageVAE.fit = staticmethod(library.fit)  # models know nothing of what trains them
    return TwoStageVAE
