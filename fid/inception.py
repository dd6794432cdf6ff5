"""Images to features: the frozen Inception graph of 2015-12-05 on TensorFlow 2."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from fid import folding
from fid.errors import Error, reason, warn
from fid.graph import TTUR_BLOB_ID, find_graph, git_blob_id
from fid.images import batches, check_pixels
from fid.runners import FoldedGraph, Pack, UnfoldedGraph

_CPU_BATCH, _GPU_BATCH = 8, 128
_PACK_BYTES = 2**28  # of images beyond which no more are added to a run of the network
_IN_FLIGHT = 2  # batches on a device at once: it need not wait for Python between them


class Inception:
    """The Inception network as a function from images to features.

    The network always runs on batches of one size, the last one filled up, so that an image's
    features depend on that image alone. It uses every GPU that TensorFlow sees, batches in turns,
    without TensorFloat-32.

    Args:
        path: the graph's file or folder; None: as `fid.find_graph` finds it.
        fold: fold batch norm into the convolutions and run in TensorFlow 2; False runs the graph
            as it is in a `tf.compat.v1.Session`, as TTUR does: slower, for comparison.
        batch_size: images per run of the network; None: 8 on a CPU, 128 on a GPU.
        devices: TensorFlow's names of those to use ("GPU:1"), for the folded graph; None: all GPUs,
            or the CPU.
        in_flight: how many batches each device is given at once, for the folded graph.
        layout: "NHWC" or "NCHW", the order of axes in which the folded graph is computed; None:
            NHWC on a CPU, NCHW on a GPU.

    Attributes:
        path: the graph's file.
        git_blob_id: the id of its content in git, which tells graphs apart.
        is_ttur: whether it is the very graph that published FIDs are measured with.

    Raises:
        Error: as `fid.find_graph`; the graph is not frozen; `batch_size` or `in_flight` is below 1;
            an unknown layout.
    """

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        *,
        fold: bool = True,
        batch_size: int | None = None,
        devices: Sequence[str] | None = None,
        in_flight: int = _IN_FLIGHT,
        layout: str | None = None,
    ):
        for name, value in (("batch_size", batch_size), ("in_flight", in_flight)):
            if value is not None and value < 1:
                raise Error(f"{name} is {value}; it must be at least 1")
        self.path = find_graph(path)
        self.git_blob_id = git_blob_id(self.path)
        self.is_ttur = self.git_blob_id == TTUR_BLOB_ID
        if not self.is_ttur:
            warn(
                f"the Inception graph {self.path} (git blob {self.git_blob_id}) is NOT the one "
                "that published FIDs are measured with: its numbers compare with none of them"
            )
        graph = folding.load_graph_def(self.path)
        devices = devices or _gpus() or ["CPU:0"]
        gpu = "GPU" in devices[0].upper()
        self.batch_size = batch_size or (_GPU_BATCH if gpu else _CPU_BATCH)
        self._devices = list(devices) if fold else [None]  # a session places its graph itself
        self._in_flight = len(self._devices) * in_flight if fold else 1
        layout = layout or ("NCHW" if gpu else "NHWC")
        self._prepared: set[tuple] = set()  # (device, dims) that have run once
        with self._computing():
            self._runner = FoldedGraph(graph, layout) if fold else UnfoldedGraph(graph)
            self._softmax_weights = _softmax_weights(graph)

    def features(
        self, images: Any, dims: int = 2048, progress: Callable[[int], None] | None = None
    ) -> np.ndarray:
        """The features of images.

        Args:
            images: uint8 or float in 0..255, [N, H, W, 3], [N, H, W, 1] or [N, H, W] of any H and
                W, as an array; or an iterable of such batches, of several sizes even; or the path
                of a folder of image files, or of an `.npy` or `.npz` file.
            dims: 2048 (`pool_3`), 768 (`mixed_7/join`, averaged over space), 192 (`pool_1`,
                likewise) or 64 (`pool`, likewise): the meanings that pytorch-fid gives them.
            progress: called with the number of images done so far.

        Returns:
            float32 [N, dims], in the order of the images.

        Raises:
            Error: unknown dims; no images; images of another shape or dtype; pixels outside 0..255,
                infinite or NaN.
        """
        parts = list(self.stream(images, dims, progress))
        if not parts:
            raise Error("no images: there is nothing to compute features from")
        return np.concatenate(parts)

    def stream(
        self, images: Any, dims: int = 2048, progress: Callable[[int], None] | None = None
    ) -> Iterator[np.ndarray]:
        """Like `features`, but yields float32 [n, dims] piece by piece, in bounded memory."""
        check_dims(dims)
        done = 0
        checked = check_pixels(batches(images))
        for values in self._computed(_packs(checked, self.batch_size), dims):
            if not np.isfinite(values).all():
                raise Error("the Inception graph gives infinite or NaN features for these images")
            done += len(values)
            yield values
            if progress:
                progress(done)

    def check_softmax(self) -> None:
        """Raises `Error` unless the graph has the softmax layer that the Inception Score needs."""
        if self._softmax_weights is None:
            raise Error(f"{self.path} has no trained softmax layer, so no Inception Score")

    def class_probabilities(self, features: np.ndarray) -> np.ndarray:
        """The probabilities that the Inception Score is computed from.

        As in the score's first code (Salimans et al. 2016, `improved-gan/inception_score`): the
        softmax over all 1008 outputs of the graph, without its biases.

        Args:
            features: float [N, 2048], from `pool_3`.

        Returns:
            float64 [N, classes], rows summing to 1.

        Raises:
            Error: the graph has no softmax layer, or one of zeros; features of another width.
        """
        self.check_softmax()
        weights = self._softmax_weights.astype(np.float64)
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or features.shape[1] != weights.shape[0]:
            raise Error(f"features of shape {features.shape}; expected [N, {weights.shape[0]}]")
        logits = features @ weights
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def _computed(self, packs: Iterator[Pack], dims: int) -> Iterator[np.ndarray]:
        """The features of each pack, in order, `self._in_flight` packs at a time."""
        with _full_precision(), ThreadPoolExecutor(self._in_flight) as pool:
            waiting: deque = deque()
            for pack, place in zip(packs, itertools.cycle(self._devices), strict=False):
                waiting.append(pool.submit(self._run, place, pack, dims))
                # The first run alone: it prepares the graph, which takes more memory than a run.
                alone = (place, dims) not in self._prepared or _bytes(pack) > _PACK_BYTES
                most = 0 if alone else self._in_flight
                while len(waiting) > most:
                    yield waiting.popleft().result()
                self._prepared.add((place, dims))
            while waiting:
                yield waiting.popleft().result()

    def _run(self, place: str | None, pack: Pack, dims: int) -> np.ndarray:
        from tensorflow import device, errors

        try:
            with self._computing(), device(place):
                return self._runner.features(pack, self.batch_size, dims)
        except errors.ResourceExhaustedError:
            raise Error(
                f"no memory is left for {self.batch_size} images at a time; lower the batch size"
            ) from None

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Says of a graph that is not TTUR's, in one line, that it cannot be computed."""
        from tensorflow import errors

        try:
            yield
        except (Error, errors.ResourceExhaustedError):
            raise
        except Exception as error:  # a graph from elsewhere may be wrong in any way
            if self.is_ttur:
                raise
            text = f"{self.path} is no Inception graph that runs: {reason(error)[:200]}"
            raise Error(text) from error


def _packs(batches: Iterable[np.ndarray], size: int) -> Iterator[Pack]:
    """Images regrouped for the network: `size` in a pack, fewer of large ones or in the last."""
    pack, count = [], 0
    for batch in map(to_network_input, batches):
        while len(batch):
            piece, batch = batch[: size - count], batch[size - count :]
            pack.append(piece)
            count += len(piece)
            if count == size or _bytes(pack) > _PACK_BYTES:
                yield pack
                pack, count = [], 0
    if pack:
        yield pack


def _bytes(pack: Pack) -> int:
    return sum(piece.nbytes for piece in pack)


def check_dims(dims: int) -> None:
    """Raises `Error` unless features of this width can be read."""
    if dims not in folding.FEATURE_NODES:
        choices = ", ".join(map(str, sorted(folding.FEATURE_NODES, reverse=True)))
        raise Error(f"dims is {dims}; it must be one of {choices}")


def to_network_input(batch: np.ndarray) -> np.ndarray:
    """Images [n, H, W, 1 or 3] as uint8 or float32 [n, H, W, 3]; grey is repeated."""
    batch = np.ascontiguousarray(batch, None if batch.dtype == np.uint8 else np.float32)
    return np.repeat(batch, 3, axis=-1) if batch.shape[-1] == 1 else batch


def _gpus() -> list[str]:
    import tensorflow as tf

    return [gpu.name for gpu in tf.config.list_logical_devices("GPU")]


@contextmanager
def _full_precision() -> Iterator[None]:
    """Keeps GPUs from rounding factors to 10 bits, which TensorFlow lets them do by default."""
    from tensorflow import config

    before = config.experimental.tensor_float_32_execution_enabled()
    config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        config.experimental.enable_tensor_float_32_execution(before)


def _softmax_weights(graph: Any) -> np.ndarray | None:
    """The classifier's weights, float32 [2048, classes]; None if there are none but zeros."""
    nodes = {node.name: node for node in graph.node}
    if folding.SOFTMAX_LOGITS not in nodes:
        return None
    weights = folding.constant(nodes, nodes[folding.SOFTMAX_LOGITS].input[1])
    return weights if weights.any() else None
