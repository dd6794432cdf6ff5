"""A SavedModel, loaded alone: its signatures, and what is known of the run it came from."""

import math
import pathlib
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from tf_twostage import files, recipes
from tf_twostage.errors import InputError
from tf_twostage.models import inputs as model_inputs
from tf_twostage.reporting import model_card, page
from tf_twostage.run_folder import RunFolder

DEFAULT = "serving_default"
NEEDED = ("decode", "generate_latents")
SAVED_MODEL = "saved_model.pb"


class Tensor(NamedTuple):
    """What a signature says of an input or output."""

    dtype: np.dtype
    shape: tuple[int | None, ...]  # None: any number

    def __str__(self) -> str:
        sizes = ("N" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} [{', '.join(sizes)}]"


class Signature(NamedTuple):
    """Name -> tensor."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


class Direction(NamedTuple):
    """A latent dimension j."""

    index: int  # j, from 0
    variance: float | None  # lambda_j, its mean posterior variance; None where it is not known
    active: bool | None  # lambda_j < 0.1


class ServedModel:
    """The model of a folder that `export_saved_model` wrote.

    Args:
      path: the folder; its number is the version.

    Attributes:
      version: int.
      signatures: name -> `Signature`.
      metadata: the SavedModel's signature_def, as TensorFlow Serving shows it.
      image_shape: (H, W, C).
      kappa: the number of latent dimensions.
      run: how it was made, as `model_card.files` wrote it beside the model; {} where it did not.
      metrics: the run's metrics.json, from there.

    Raises:
      InputError: no SavedModel there, a damaged one, or one of another program.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.version = int(path.name) if path.name.isdecimal() else 1
        definitions = _definitions(path)
        self.metadata = {name: _as_json(one) for name, one in definitions.items()}
        self.signatures = {
            name: Signature(_tensors(one.inputs), _tensors(one.outputs))
            for name, one in definitions.items()
            if one.method_name == "tensorflow/serving/predict"
        }
        _check_signatures(path, self.signatures)
        self.image_shape = self.signatures["decode"].outputs["images"].shape[1:]
        (self.kappa,) = self.signatures["decode"].inputs["latents"].shape[1:]
        self.run = files.read_json(path / model_card.RUN)
        self.metrics = page.as_mapping(self.run.get("metrics"))
        self._functions = _load(path)

    def checked(self, name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A signature's inputs, of its shapes and, for images and latents, in range.

        Raises:
          InputError: says which input is wrong.
        """
        wanted = self.signatures[name].inputs
        return {key: self._checked(key, inputs[key], tensor) for key, tensor in wanted.items()}

    def _checked(self, name: str, value: np.ndarray, tensor: Tensor) -> np.ndarray:
        if tensor.shape == (None, *self.image_shape):
            return model_inputs.as_float(model_inputs.as_images(value, self.image_shape, name))
        if tensor.shape == (None, self.kappa):
            return model_inputs.as_latents(value, self.kappa, name)
        if value.shape != tensor.shape:
            raise InputError(f"{name} must be {tensor}, not {list(value.shape)}")
        return value

    def call(self, name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A signature's outputs for inputs that `checked` has passed.

        Raises:
          InputError: the model refuses the values.
        """
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        try:
            outputs = self._functions[name](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise InputError(_reason(error)) from error
        return {key: value.numpy() for key, value in outputs.items()}

    def warm_up(self) -> None:
        """Calls each signature that requests are joined for once: the first call takes longest."""
        self.call("decode", {"latents": np.zeros((1, self.kappa), np.float32)})
        if "encode" in self.signatures:
            image = {"images": np.zeros((1, *self.image_shape), np.float32)}
            self.call("encode", image)
            self.call("reconstruct", image)
        self.call("generate_latents", {"count": np.int32(1), "seed": np.zeros(2, np.int32)})

    @property
    def directions(self) -> list[Direction]:
        """The latent dimensions, by lambda where it is known: the active ones first."""
        variances = self.metrics.get("lambda")
        if not _are_variances(variances, self.kappa):
            return [Direction(index, None, None) for index in range(self.kappa)]
        order = sorted(range(self.kappa), key=variances.__getitem__)
        return [Direction(j, variances[j], variances[j] < recipes.ACTIVE_BELOW) for j in order]


def find(source: str) -> pathlib.Path:
    """The SavedModel of a run folder, of a folder of versions (the latest), or the folder itself.

    Raises:
      InputError: there is none.
    """
    root = pathlib.Path(source).expanduser()
    if not root.is_dir():
        raise InputError(f"{root} is no folder: name a run or a SavedModel")
    places = [root, RunFolder(root).saved_model, *_versions(root)]
    for place in places:
        if (place / SAVED_MODEL).is_file():
            return place
    raise InputError(
        f"no SavedModel in {root}: name a finished run (.../trial_000) or a folder "
        f"with {SAVED_MODEL}"
    )


def _versions(root: pathlib.Path) -> list[pathlib.Path]:
    """The folders named by a number, the greatest first."""
    numbered = [path for path in root.iterdir() if path.name.isdecimal()]
    return sorted(numbered, key=lambda path: int(path.name), reverse=True)


def _definitions(path: pathlib.Path) -> dict:
    """The SavedModel's SignatureDefs, by name."""
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString((path / SAVED_MODEL).read_bytes())
        return dict(model.meta_graphs[0].signature_def)
    except Exception as error:  # protobuf's own kinds differ between its implementations
        raise _damaged(path, error) from error


def _load(path: pathlib.Path):
    """Its functions, by name."""
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:  # TensorFlow raises many kinds on damaged files
        raise _damaged(path, error) from error
    return loaded.signatures


def _damaged(path: pathlib.Path, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(f"the SavedModel {path} can't be read ({reason}): export again")


def _as_json(definition) -> dict:
    return json_format.MessageToDict(
        definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _tensors(infos: Mapping) -> dict[str, Tensor]:
    return {name: _tensor(info) for name, info in sorted(infos.items())}


def _tensor(info) -> Tensor:
    sizes = (size.size for size in info.tensor_shape.dim)
    shape = tuple(None if size < 0 else size for size in sizes)
    return Tensor(np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype), shape)


def _check_signatures(path: pathlib.Path, signatures: Mapping[str, Signature]) -> None:
    missing = [name for name in (DEFAULT, *NEEDED) if name not in signatures]
    if missing:
        raise InputError(
            f"the SavedModel {path} has no signature {', '.join(missing)}: "
            "export the run again with this version"
        )


def _are_variances(values, kappa: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == kappa
        and all(isinstance(value, float) and math.isfinite(value) for value in values)
    )


def _reason(error: tf.errors.OpError) -> str:
    """What the model's own check says, without TensorFlow's names of nodes.

    The message is "... assertion failed: [count must be in 0..1000, not] [-1]" and nodes.
    """
    text = error.message.split("\n\t [[")[0]
    if "assertion failed: " in text:
        text = text.split("assertion failed: ")[1].split(" [Condition ")[0]
        return " ".join(re.findall(r"\[(.*?)\]", text))
    return re.sub(r"\{\{.*?\}\}\s*", "", text.splitlines()[-1])
