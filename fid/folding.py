"""Reads a frozen GraphDef and rewrites it so that TensorFlow 2 accepts it and runs it faster.

The graph of 2015 normalises with `BatchNormWithGlobalNormalization`, an op that TensorFlow refuses
in graphs of producer version 9 or later, thus in every `tf.function`. Each such node becomes part
of the convolution before it; the `CheckNumerics` nodes and their control dependencies go too.

TensorFlow is imported inside the functions: it takes seconds.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from fid import graph_checks
from fid.errors import Error, shown
from fid.graph_checks import node_name

INPUT = "ExpandDims"
# Node that each width of features is read from; pytorch-fid's meanings of --dims.
FEATURE_NODES = {64: "pool", 192: "pool_1", 768: "mixed_7/join", 2048: "pool_3"}
SOFTMAX_LOGITS = "softmax/logits/MatMul"
_BATCH_NORM = "BatchNormWithGlobalNormalization"

MOST_BYTES = 2**30  # of a graph's file; that of 2015-12-05 has 91 MB
MOST_SIDE = 1024  # in pixels, of the images that the network sees; it has 299

GraphDef = Any  # tf.compat.v1.GraphDef: naming it would import TensorFlow


def load_graph_def(path: str | os.PathLike) -> GraphDef:
    """Reads the graph's file.

    Raises:
        Error: the file cannot be read, is far too large, is no GraphDef (cut short, for one), or
            what `graph_checks.check` refuses.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import graph_pb2

    graph = graph_pb2.GraphDef()
    try:
        size = Path(path).stat().st_size
        if size > MOST_BYTES:
            raise Error(f"{path} is no Inception graph: it has {size:,} bytes")
        graph.ParseFromString(Path(path).read_bytes())
    except OSError as error:
        raise Error(f"cannot read the Inception graph {path}: {error.strerror}") from None
    except DecodeError:
        raise Error(f"{path} is no frozen TensorFlow graph, or is cut short") from None
    graph_checks.check(graph, {INPUT, *FEATURE_NODES.values()}, path)
    return graph


def resize_node(graph: GraphDef) -> str:
    """The name of the node that brings images of any size to the network's own.

    Raises:
        Error: there is no such node, or more than one, or the size is absurd.
    """
    names = [node.name for node in graph.node if node.op == "ResizeBilinear"]
    if len(names) != 1:
        raise Error(f"the Inception graph has {len(names)} ResizeBilinear nodes; it should have 1")
    nodes = {node.name: node for node in graph.node}
    size = constant(nodes, nodes[names[0]].input[1])
    if size.shape != (2,) or not 0 < size.min() <= size.max() <= MOST_SIDE:
        raise Error(f"the Inception graph resizes images to {size.tolist()}, not to 299 x 299")
    return names[0]


def constant(nodes: dict[str, Any], reference: str) -> np.ndarray:
    """The value of a Const node, followed through Identity nodes.

    Raises:
        Error: the reference leads to something else, as in a graph that is not frozen.
    """
    from tensorflow import make_ndarray

    node = nodes[node_name(reference)]
    while node.op == "Identity":
        node = nodes[node_name(node.input[0])]
    if node.op != "Const":
        text = f"{shown(node.name)} is a {node.op}, not a Const"
        raise Error(f"the Inception graph is not frozen: {text}")
    return make_ndarray(node.attr["value"].tensor)


def fold(graph: GraphDef) -> GraphDef:
    """A graph with the same features, without batch norm and CheckNumerics nodes.

    Every batch norm node γ (x − m) / √(v + ε) + β, where x is a convolution with constant weights
    W, becomes a convolution with W γ / √(v + ε) and a bias; γ counts only where the node's
    `scale_after_normalization` says so, and ε is its `variance_epsilon`. Computed in float64.
    """
    from tensorflow.version import GRAPH_DEF_VERSION

    nodes = {node.name: node for node in graph.node}
    folded = type(graph)()
    folded.versions.producer = GRAPH_DEF_VERSION  # nothing is left that needs the old one
    for node in graph.node:
        if node.op == _BATCH_NORM:
            _add_folded(folded, node, nodes)
        elif node.op != "CheckNumerics":
            _add_unchecked(folded, node, nodes)
    return folded


def _add_unchecked(folded: GraphDef, node: Any, nodes: dict[str, Any]) -> None:
    """Copies a node without control inputs; reads past CheckNumerics nodes."""
    copy = folded.node.add()
    copy.CopyFrom(node)
    inputs = [_past_checks(name, nodes) for name in node.input if not name.startswith("^")]
    del copy.input[:]
    copy.input.extend(inputs)


def _past_checks(reference: str, nodes: dict[str, Any]) -> str:
    while (node := nodes.get(node_name(reference))) and node.op == "CheckNumerics":
        reference = node.input[0]
    return reference


def _scale_and_shift(norm: Any, nodes: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The batch norm as x · scale + shift, float64 [channels] each."""
    mean, variance, beta, gamma = (
        constant(nodes, name).astype(np.float64) for name in norm.input[1:5]
    )
    scale = 1 / np.sqrt(variance + norm.attr["variance_epsilon"].f)
    if norm.attr["scale_after_normalization"].b:
        scale = scale * gamma
    return scale, beta - mean * scale


def _add_folded(folded: GraphDef, norm: Any, nodes: dict[str, Any]) -> None:
    """Adds the nodes that stand for one batch norm; the last of them takes its name."""
    scale, shift = _scale_and_shift(norm, nodes)
    before = nodes[node_name(_past_checks(norm.input[0], nodes))]
    if before.op == "Conv2D":
        source = f"{norm.name}/folded"
        weights = constant(nodes, before.input[1]) * scale  # [height, width, in, out]
        add_constant(folded, f"{source}/weights", weights.astype(np.float32))
        convolution = folded.node.add()
        convolution.CopyFrom(before)
        convolution.name = source
        del convolution.input[:]
        convolution.input.extend([_past_checks(before.input[0], nodes), f"{source}/weights"])
    else:  # no convolution to fold into: multiply instead
        source = f"{norm.name}/scaled"
        add_constant(folded, f"{source}/scale", scale.astype(np.float32))
        inputs = [_past_checks(norm.input[0], nodes), f"{source}/scale"]
        _add_float_node(folded, source, "Mul", inputs)
    add_constant(folded, f"{norm.name}/shift", shift.astype(np.float32))
    _add_float_node(folded, norm.name, "BiasAdd", [source, f"{norm.name}/shift"])


def _add_float_node(graph: GraphDef, name: str, op: str, inputs: list[str]) -> None:
    from tensorflow import float32

    node = graph.node.add(name=name, op=op, input=inputs)
    node.attr["T"].type = float32.as_datatype_enum


def add_constant(graph: GraphDef, name: str, value: np.ndarray) -> None:
    """Adds a Const node of the value's dtype."""
    from tensorflow import make_tensor_proto

    tensor = make_tensor_proto(value)
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)


def part(graph: GraphDef, output: str, fed: str) -> GraphDef:
    """The nodes that `output` is computed from when `fed` is given; `fed` itself is left out."""
    nodes = {node.name: node for node in graph.node}
    wanted, todo = set(), [output]
    while todo:
        name = todo.pop()
        if name != fed and name not in wanted:
            wanted.add(name)
            todo += [node_name(reference) for reference in nodes[name].input]
    result = type(graph)()
    result.versions.CopyFrom(graph.versions)
    result.node.extend(node for node in graph.node if node.name in wanted)
    return result
