"""Turns a graph of channels last, NHWC, into one of channels first, NCHW, as GPUs prefer it."""

from typing import Any

import numpy as np

from fid import folding
from fid.errors import Error, shown
from fid.graph_checks import node_name

_MOVED = ("strides", "ksize", "dilations")  # attributes with one number an axis
_WINDOWED = {"Conv2D", "MaxPool", "AvgPool", "BiasAdd"}  # operations that know their layout
_PIXELWISE = {"Sub", "Mul", "Add", "AddV2"}  # with a constant: a scalar, or one number a channel
_EITHER = {"Const", "Identity", "Relu"}


def channels_first(graph: folding.GraphDef) -> folding.GraphDef:
    """The graph that computes from [n, C, H, W] what `graph` computes from [n, H, W, C].

    Raises:
        Error: an operation whose layout cannot be changed here.
    """
    nodes = {node.name: node for node in graph.node}
    result = type(graph)()
    result.versions.CopyFrom(graph.versions)
    for node in graph.node:
        copy = result.node.add()
        copy.CopyFrom(node)
        if node.op in _WINDOWED:
            _move_axes(copy)
        elif node.op in ("Concat", "ConcatV2"):
            _move_joint(copy, result, nodes)
        elif node.op in _PIXELWISE:
            _spread_constants(copy, result, nodes)
        elif node.op not in _EITHER:
            name = shown(node.name)
            raise Error(f'{name} is a {node.op}: compute this graph with layout="NHWC"')
    return result


def _move_axes(node: Any) -> None:
    node.attr["data_format"].s = b"NCHW"
    for name in _MOVED:
        if name in node.attr:
            n, height, width, channel = node.attr[name].list.i
            node.attr[name].list.i[:] = [n, channel, height, width]


def _move_joint(node: Any, graph: folding.GraphDef, nodes: dict[str, Any]) -> None:
    """Joins along axis 1 what was joined along the last axis."""
    at = 0 if node.op == "Concat" else len(node.input) - 1
    axis = int(folding.constant(nodes, node.input[at]))
    if axis not in (3, -1):
        name = shown(node.name)
        raise Error(f'{name} joins along axis {axis}: compute this graph with layout="NHWC"')
    node.input[at] = f"{node.name}/channels_first"
    folding.add_constant(graph, node.input[at], np.int32(1))


def _spread_constants(node: Any, graph: folding.GraphDef, nodes: dict[str, Any]) -> None:
    """Gives constants of one number a channel the shape [C, 1, 1]."""
    for at, reference in enumerate(node.input):
        source = nodes.get(node_name(reference))
        if source is None or source.op != "Const":
            continue
        value = folding.constant(nodes, reference)
        if value.ndim == 1:
            node.input[at] = f"{node.name}/channels_first"
            folding.add_constant(graph, node.input[at], value[:, None, None])
