"""What must hold of a graph from elsewhere before anything of it is computed.

A graph is a program. Only ops that compute one tensor from others are let through: none of them
reads or writes files, runs Python or calls a function.
"""

import graphlib
import math
from typing import Any

from fid.errors import Error, shown

# Every op of the graph of 2015-12-05, and a placeholder for its input.
# fmt: off
OPS = frozenset({
    "AvgPool", "BatchNormWithGlobalNormalization", "BiasAdd", "Cast", "CheckNumerics",
    "Concat", "ConcatV2", "Const", "Conv2D", "DecodeJpeg", "ExpandDims", "Identity",
    "MatMul", "MaxPool", "Mul", "Placeholder", "Relu", "Reshape", "ResizeBilinear",
    "Softmax", "Sub",
})
# fmt: on
MOST_VALUES = 2**26  # of all constants together; that graph has 24 million


def check(graph: Any, names: set[str], path: Any) -> None:
    """Checks a GraphDef read from `path`.

    Args:
        graph: the GraphDef.
        names: of nodes that it must have.
        path: what a message calls it.

    Raises:
        Error: an op that is not among `OPS`, in whichever part of the graph; a function; a missing
            node; an input that leads nowhere or in a circle; constants of absurd sizes.
    """
    foreign = {node.op for node in graph.node} - OPS
    for function in graph.library.function:
        foreign |= {function.signature.name, *(node.op for node in function.node_def)}
    foreign |= {"a function" for node in graph.node if _calls(node)}
    if foreign:
        raise Error(
            f"{path} is not the Inception graph of 2015-12-05: it would run "
            f"{shown(', '.join(sorted(foreign)))}, which is refused"
        )
    reason = _missing(graph, names) or _tangled(graph) or _oversized(graph)
    if reason:
        raise Error(f"{path} is not the Inception graph of 2015-12-05: {shown(reason)}")


def _calls(node: Any) -> bool:
    """Whether an attribute of a node holds a function."""
    return any(value.HasField("func") or len(value.list.func) > 0 for value in node.attr.values())


def _missing(graph: Any, names: set[str]) -> str:
    missing = names - {node.name for node in graph.node}
    return f"it has no node {', '.join(sorted(missing))}" if missing else ""


def _tangled(graph: Any) -> str:
    """What is wrong with the way from node to node; empty if nothing is."""
    inputs = {node.name: [node_name(name) for name in node.input] for node in graph.node}
    if len(inputs) < len(graph.node):
        return "two nodes have one name"
    for name, sources in inputs.items():
        unknown = [source for source in sources if source not in inputs]
        if unknown:
            return f"{name} reads {unknown[0]!r}, which is not there"
    try:
        graphlib.TopologicalSorter(inputs).prepare()
    except graphlib.CycleError:
        return "its nodes run in a circle"
    return ""


def _oversized(graph: Any) -> str:
    """Whether a few bytes claim to be many numbers, as one repeated number may."""
    shapes = [node.attr["value"].tensor.tensor_shape for node in graph.node if node.op == "Const"]
    sizes = [[dim.size for dim in shape.dim] for shape in shapes]
    if any(size < 0 for shape in sizes for size in shape):
        return "a constant has a size below 0"
    values = sum(math.prod(shape) for shape in sizes)
    return f"it holds {values:,} numbers" if values > MOST_VALUES else ""


def node_name(reference: str) -> str:
    """The node of an input such as `name`, `name:0` or `^name`."""
    return reference.lstrip("^").split(":")[0]
