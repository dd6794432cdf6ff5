"""What the page tells of a model."""

from tf_twostage.reporting import page
from tf_twostage.serving.limits import Limits
from tf_twostage.serving.served_model import ServedModel


def describe(model: ServedModel, name: str, limits: Limits) -> dict:
    """For JSON: null where the run's facts are not beside the SavedModel.

    "directions" are the latent dimensions in the order of `ServedModel.directions`.
    """
    return {
        "name": name,
        "version": model.version,
        "image_shape": model.image_shape,
        "kappa": model.kappa,
        "most_images": pictured(model, limits),
        "stages": stages(model),
        "encodes": "encode" in model.signatures,
        "directions": [direction._asdict() for direction in model.directions],
        "model": page.at(model.run, "recipe.model"),
        "dataset": page.at(model.run, "dataset.name"),
        "gamma": model.metrics.get("gamma"),
    }


def pictured(model: ServedModel, limits: Limits) -> int:
    """How many images one picture may hold."""
    return min(limits.samples, limits.images(model.image_shape))


def stages(model: ServedModel) -> list[int]:
    """The stages that samples can come from."""
    return [1, 2] if {"generate", "generate_stage1"} <= set(model.signatures) else [1]
