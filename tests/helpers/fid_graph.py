"""A small frozen graph with the Inception graph's node names, and the network in plain NumPy."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

SIZE = 35  # what the graph resizes images to
CLASSES = 7
_EPSILON = 0.01  # large enough that a wrong epsilon shows


class SmallInception:
    """Random weights; `graph_def` writes them as nodes, `features` computes with them in NumPy."""

    def __init__(self, seed: int = 0, scale_after_normalization: bool = True):
        self._rng = np.random.default_rng(seed)
        self._scaled = scale_after_normalization
        self.layers = {
            "conv": self._layer(3, 3, 16),
            "conv_1": self._layer(1, 16, 64),
            "conv_2": self._layer(3, 64, 192),
            "mixed_7/conv": self._layer(1, 192, 384),
            "mixed_7/tower/conv": self._layer(1, 192, 384),
            "conv_3": self._layer(1, 768, 2048),
        }
        self.softmax = self._rng.normal(0, 0.02, (2048, CLASSES)).astype(np.float32)

    def _layer(self, size: int, inside: int, outside: int) -> dict[str, np.ndarray]:
        rng, spread = self._rng, np.sqrt(2 / (size * size * inside))
        values = {
            "weights": rng.normal(0, spread, (size, size, inside, outside)),
            "mean": rng.normal(0, 0.3, outside),
            "variance": rng.uniform(0.2, 2, outside),
            "beta": rng.normal(0, 0.5, outside),
            "gamma": rng.uniform(0.5, 2, outside),
        }
        return {key: value.astype(np.float32) for key, value in values.items()}

    def features(self, images: np.ndarray, dims: int) -> np.ndarray:
        """float64 [n, dims] of one batch [n, H, W, 1 or 3] or [n, H, W]."""
        images = images[..., None] if images.ndim == 3 else images
        x = np.broadcast_to(images.astype(np.float64), (*images.shape[:3], 3))
        x = (legacy_resize(x, SIZE) - 128) / 128
        x = max_pool(self._convolve("conv_1", self._convolve("conv", x, 2)))
        if dims == 64:
            return x.mean(axis=(1, 2))
        x = max_pool(self._convolve("conv_2", x))
        if dims == 192:
            return x.mean(axis=(1, 2))
        towers = [x, average_pool_same(x)]
        names = ["mixed_7/conv", "mixed_7/tower/conv"]
        x = np.concatenate([self._convolve(*pair) for pair in zip(names, towers, strict=True)], -1)
        if dims == 768:
            return x.mean(axis=(1, 2))
        return self._convolve("conv_3", x).mean(axis=(1, 2))

    def _convolve(self, name: str, x: np.ndarray, stride: int = 1) -> np.ndarray:
        """Convolution without padding, batch norm, ReLU."""
        layer = {key: value.astype(np.float64) for key, value in self.layers[name].items()}
        size = layer["weights"].shape[0]
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
        windows = windows[:, ::stride, ::stride]  # [n, h, w, in, size, size]
        y = np.einsum("nhwiab,abio->nhwo", windows, layer["weights"], optimize=True)
        y = (y - layer["mean"]) / np.sqrt(layer["variance"] + _EPSILON)
        if self._scaled:
            y = y * layer["gamma"]
        return np.maximum(y + layer["beta"], 0)

    def graph_def(self) -> graph_pb2.GraphDef:
        """The network as the frozen graph of 2015 writes one."""
        nodes = _Nodes(self._scaled)
        nodes.constant("Cast", np.zeros((8, 8, 3), np.float32))
        nodes.constant("ExpandDims/dim", np.int32(0))
        nodes.add("ExpandDims", "ExpandDims", ["Cast", "ExpandDims/dim"])
        nodes.constant("ResizeBilinear/size", np.array([SIZE, SIZE], np.int32))
        nodes.add("ResizeBilinear", "ResizeBilinear", ["ExpandDims", "ResizeBilinear/size"])
        nodes.constant("Sub/y", np.float32(128))
        nodes.add("Sub", "Sub", ["ResizeBilinear", "Sub/y"])
        nodes.constant("Mul/y", np.float32(1 / 128))
        nodes.add("Mul", "Mul", ["Sub", "Mul/y"])
        self._add_network(nodes)
        nodes.constant("pool_3/_reshape/shape", np.array([1, 2048], np.int32))
        nodes.add("pool_3/_reshape", "Reshape", ["pool_3", "pool_3/_reshape/shape"])
        nodes.constant("softmax/weights", self.softmax)
        nodes.add("softmax/logits/MatMul", "MatMul", ["pool_3/_reshape", "softmax/weights"])
        nodes.constant("softmax/biases", np.arange(CLASSES, dtype=np.float32))
        nodes.add("softmax/logits", "BiasAdd", ["softmax/logits/MatMul", "softmax/biases"])
        nodes.add("softmax", "Softmax", ["softmax/logits"])
        return nodes.graph

    def _add_network(self, nodes: "_Nodes") -> None:
        nodes.convolution("conv", "Mul", self.layers["conv"], stride=2)
        nodes.convolution("conv_1", "conv", self.layers["conv_1"])
        nodes.pool("pool", "conv_1", "MaxPool", 3, 2, "VALID")
        nodes.convolution("conv_2", "pool", self.layers["conv_2"])
        nodes.pool("pool_1", "conv_2", "MaxPool", 3, 2, "VALID")
        nodes.pool("mixed_7/tower/pool", "pool_1", "AvgPool", 3, 1, "SAME")
        names = ["mixed_7/conv", "mixed_7/tower/conv"]
        for name, source in zip(names, ["pool_1", "mixed_7/tower/pool"], strict=True):
            nodes.convolution(name, source, self.layers[name])
        nodes.constant("mixed_7/join/concat_dim", np.int32(3))
        nodes.add("mixed_7/join", "Concat", ["mixed_7/join/concat_dim", *names], N=2)
        nodes.convolution("conv_3", "mixed_7/join", self.layers["conv_3"])
        nodes.pool("pool_3", "conv_3", "AvgPool", 2, 1, "VALID")


class _Nodes:
    """A GraphDef of the old producer version, filled node by node."""

    def __init__(self, scaled: bool):
        self.graph = graph_pb2.GraphDef()
        self.graph.versions.producer = 8
        self._scaled = scaled

    def add(self, name: str, op: str, inputs: list[str], **attributes: object) -> None:
        node = self.graph.node.add(name=name, op=op, input=inputs)
        node.attr["T"].type = tf.float32.as_datatype_enum
        for key, value in attributes.items():
            if isinstance(value, bool):
                node.attr[key].b = value
            elif isinstance(value, int):
                node.attr[key].i = value
            elif isinstance(value, float):
                node.attr[key].f = value
            elif isinstance(value, list):
                node.attr[key].list.i.extend(value)
            else:
                node.attr[key].s = value.encode()

    def constant(self, name: str, value: np.ndarray) -> None:
        tensor = tf.make_tensor_proto(value)
        node = self.graph.node.add(name=name, op="Const")
        node.attr["dtype"].type = tensor.dtype
        node.attr["value"].tensor.CopyFrom(tensor)

    def checked(self, name: str, source: str, op: str, **attributes: object) -> None:
        self.add(f"{name}/CheckNumerics", "CheckNumerics", [source], message="not finite")
        control = [source, f"^{name}/CheckNumerics"]
        self.add(f"{name}/control_dependency", "Identity", control)
        self.add(name, op, [f"{name}/control_dependency"], **attributes)

    def convolution(self, name: str, source: str, layer: dict, stride: int = 1) -> None:
        self.constant(f"{name}/conv2d_params", layer["weights"])
        inputs = [source, f"{name}/conv2d_params"]
        strides = [1, stride, stride, 1]
        self.add(f"{name}/Conv2D", "Conv2D", inputs, strides=strides, padding="VALID")
        norm, keys = f"{name}/batchnorm", ("mean", "variance", "beta", "gamma")
        for key in keys:
            self.constant(f"{norm}/{key}", layer[key])
        self.add(
            norm,
            "BatchNormWithGlobalNormalization",
            [f"{name}/Conv2D", *(f"{norm}/{key}" for key in keys)],
            variance_epsilon=_EPSILON,
            scale_after_normalization=self._scaled,
        )
        self.checked(name, norm, "Relu")

    def pool(self, name: str, source: str, op: str, size: int, stride: int, padding: str) -> None:
        window = {"ksize": [1, size, size, 1], "strides": [1, stride, stride, 1]}
        self.checked(name, source, op, padding=padding, **window)


def legacy_resize(x: np.ndarray, size: int) -> np.ndarray:
    """TensorFlow 1's bilinear: output i is at i · in / out, corners neither aligned nor centred."""
    for axis in (1, 2):
        length = x.shape[axis]
        at = np.arange(size) * (length / size)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, length - 1)
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        x = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
    return x


def max_pool(x: np.ndarray) -> np.ndarray:
    """3 × 3, stride 2, no padding."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    return windows[:, ::2, ::2].max(axis=(-2, -1))


def average_pool_same(x: np.ndarray) -> np.ndarray:
    """3 × 3, stride 1; the padding counts for nothing."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.nanmean(windows, axis=(-2, -1))
