"""Writes a trained model as ONNX files, for runtimes other than TensorFlow."""

import logging
import math
import os
import pathlib
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tf_twostage import files, recipes
from tf_twostage.errors import InputError
from tf_twostage.models import custom, plain
from tf_twostage.models.latent_model import LatentModel

OPSET = 17  # of ONNX 1.12 (2022), so that runtimes of some age take it


def export_onnx(model: LatentModel, folder: str | os.PathLike) -> list[pathlib.Path]:
    """Writes `decode.onnx` and `generate.onnx`.

    All inputs and outputs are float32, for any number N of rows; values are not checked:
      decode(latents [N, kappa]) -> images [N, H, W, C] in 0..1.
      generate(u [N, kappa], noise [N, kappa]) -> images, sampled from the last trained stage. Both
        inputs are draws from N(0, 1), as ONNX has no random numbers of TensorFlow's. A model
        without a trained second stage takes `u` alone.

    Args:
      model: a model whose stage 1 at least is trained.
      folder: where they go; each file is replaced once the new one is whole.

    Returns:
      The files.

    Raises:
      InputError: tf2onnx is not installed, or cannot convert a layer of a user's own network.
      WriteError: a file cannot be written.
    """
    halves = plain.halves(model)
    functions = {
        "decode": (_decode(halves), ["latents"]),
        "generate": (_generate(model, halves), ["u", "noise"] if 2 in model.trained else ["u"]),
    }
    return [
        _write(pathlib.Path(folder) / f"{name}.onnx", _converted(*call, model.recipe.latent_dim))
        for name, call in functions.items()
    ]


def _write(path: pathlib.Path, content: bytes) -> pathlib.Path:
    files.replace_bytes(path, content)
    return path


def _decode(halves: dict[str, keras.Model]) -> Callable:
    return lambda latents: {"images": halves["decoder"](latents)}


def _generate(model: LatentModel, halves: dict[str, keras.Model]) -> Callable:
    decode = _decode(halves)
    if isinstance(model.recipe, recipes.GANRecipe):
        return lambda u: decode(tf.math.erf(u / math.sqrt(2)))  # as `from_normal`: U(-1, 1)
    if 2 not in model.trained:
        return decode

    def generate(u, noise):
        mean, stddev = (halves["stage2_decoder"](u)[name] for name in ("mean", "stddev"))
        return decode(mean + stddev * noise)

    return generate


def _converted(function: Callable, inputs: list[str], kappa: int) -> bytes:
    """The ONNX model of a function of tensors [N, kappa] of these names."""
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise InputError(
            f"ONNX needs {error.name}, which is not installed: pip install 'tf-twostage[onnx]'"
        ) from None
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it lacks becomes an error here
    signature = [tf.TensorSpec([None, kappa], tf.float32, name=name) for name in inputs]
    traced = tf.function(function, signature, autograph=False)
    try:
        model, _ = tf2onnx.convert.from_function(
            traced, signature, opset=OPSET, custom_op_handlers={"Erfc": (_erfc, [])}
        )
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # whatever the layers of a user's own network make of it
        raise InputError(f"tf2onnx cannot convert this model: {custom.line(error)}") from error
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    return model.SerializeToString()


def _erfc(graph, node, name, args) -> None:
    """Has tf2onnx write erfc(x), a part of GELU that it lacks, as 1 + (-erf(x))."""
    del name, args
    node.type = "Erf"
    negative = graph.insert_new_node_on_output("Neg", node.output[0]).output[0]
    one = graph.make_const(f"{node.name}_one", np.array(1, np.float32)).output[0]
    graph.insert_new_node_on_output("Add", negative, inputs=[negative, one])
