"""Runs the Inception graph on packs of images: folded in TensorFlow 2, or as it is in a session."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fid import folding
from fid.errors import Error
from fid.layout import channels_first

# Images for one run of the network, as pieces of one size each: uint8 or float32 [n, H, W, 3].
Pack = list[np.ndarray]


class FoldedGraph:
    """Runs the folded graph as two `tf.function`s: to the network's size, then to features.

    Between images as they are and features nothing leaves the device.

    Args:
        graph: the frozen graph.
        layout: "NHWC" or "NCHW", the order of axes after the resize.

    Raises:
        Error: another layout; a graph that cannot be laid out so, or is not frozen.
    """

    def __init__(self, graph: Any, layout: str):
        if layout not in ("NHWC", "NCHW"):
            raise Error(f"layout is {layout!r}; it must be NHWC or NCHW")
        self._graph, self._layout = folding.fold(graph), layout
        self._resized = folding.resize_node(graph)
        self._resize = {dtype: self._resize_function(dtype) for dtype in ("uint8", "float32")}
        self._features: dict[int, Callable] = {}

    def features(self, pack: Pack, size: int, dims: int) -> np.ndarray:
        """The features of a pack of at most `size` images, float32 [n, dims].

        The network always sees `size` images, zeros in place of those that are missing.
        """
        import tensorflow as tf

        pieces = [self._resize[piece.dtype.name](piece) for piece in pack]
        batch = tf.concat(pieces, axis=0)  # [n, 299, 299, 3]
        missing = size - len(batch)
        if missing:
            batch = tf.pad(batch, [[0, missing], [0, 0], [0, 0], [0, 0]])
        if dims not in self._features:
            self._features[dims] = self._features_function(dims, batch.shape[1:])
        return self._features[dims](batch).numpy()[: size - missing]

    def _resize_function(self, dtype: str) -> Callable:
        """[n, H, W, 3] of a dtype -> float32 [n, 299, 299, 3]."""
        import tensorflow as tf

        part = folding.part(self._graph, self._resized, folding.INPUT)

        def run(images: tf.Tensor) -> tf.Tensor:
            return _run_part(part, folding.INPUT, tf.cast(images, tf.float32), self._resized)

        return _function(run, [None, None, None, 3], dtype)

    def _features_function(self, dims: int, image_shape: Any) -> Callable:
        """float32 [n, 299, 299, 3] -> float32 [n, dims]."""
        import tensorflow as tf

        output = folding.FEATURE_NODES[dims]
        part = folding.part(self._graph, output, self._resized)
        first = self._layout == "NCHW"
        part = channels_first(part) if first else part

        def run(images: tf.Tensor) -> tf.Tensor:
            images = tf.transpose(images, [0, 3, 1, 2]) if first else images
            maps = _run_part(part, self._resized, images, output)
            _check_maps(maps.shape, dims, channel=1 if first else 3)
            mean = tf.reduce_mean(tf.cast(maps, tf.float64), axis=(2, 3) if first else (1, 2))
            return tf.cast(mean, tf.float32)

        return _function(run, [None, *image_shape], "float32")


class UnfoldedGraph:
    """Runs the graph as it is in one session of TensorFlow 1."""

    def __init__(self, graph: Any):
        import tensorflow as tf

        self._resized = f"{folding.resize_node(graph)}:0"
        with tf.Graph().as_default() as imported:
            self._input = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3])
            fed = {f"{folding.INPUT}:0": self._input}
            tf.graph_util.import_graph_def(graph, input_map=fed, name="")
        self._session = tf.compat.v1.Session(graph=imported)

    def features(self, pack: Pack, size: int, dims: int) -> np.ndarray:
        """The features of a pack of at most `size` images, float32 [n, dims], as `FoldedGraph`."""
        pieces = [self._session.run(self._resized, {self._input: piece}) for piece in pack]
        batch = np.concatenate(pieces)
        count = len(batch)
        batch = np.pad(batch, [(0, size - count), (0, 0), (0, 0), (0, 0)])
        output = f"{folding.FEATURE_NODES[dims]}:0"
        maps = self._session.run(output, {self._resized: batch})[:count]
        _check_maps(maps.shape, dims, channel=3)
        return maps.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)


def _run_part(part: Any, fed: str, values: Any, output: str) -> Any:
    import tensorflow as tf

    return tf.graph_util.import_graph_def(
        part, input_map={f"{fed}:0": values}, return_elements=[f"{output}:0"], name=""
    )[0]


def _function(run: Callable, shape: list[int | None], dtype: str) -> Callable:
    import tensorflow as tf

    return tf.function(run, input_signature=[tf.TensorSpec(shape, dtype)], autograph=False)


def _check_maps(shape: Any, dims: int, channel: int) -> None:
    """Raises `Error` unless `shape` is that of `dims` maps, at most averaged over space later."""
    if len(shape) != 4 or shape[channel] != dims:
        raise Error(f"the Inception graph gives features of shape {shape}, not of {dims} dims")
