"""Inception graphs from strangers."""

import warnings

import fid_graph
import numpy as np
from fuzzing import damaged, fuzz, refused
from hypothesis import strategies as st

import fid
from fid import graph_checks

IMAGES = np.zeros((1, 9, 9, 3), np.uint8)


def small_graph():
    """The nodes of the small network, with weights of one number each: a short file."""
    graph = fid_graph.SmallInception().graph_def()
    for node in graph.node:
        tensor = node.attr["value"].tensor
        if len(tensor.tensor_content) > 64:
            tensor.tensor_content = b""
            tensor.float_val.append(0.5)
    return graph


GRAPH = small_graph()
NAMES = tuple(node.name for node in GRAPH.node)
OPS = tuple(sorted(graph_checks.OPS)) + ("ReadFile", "PyFunc", "While", "")


def changed(edits):
    """The graph with nodes of other ops, inputs, sizes and attributes."""
    graph = type(GRAPH)()
    graph.CopyFrom(GRAPH)
    for number, kind, name, op, size in edits:
        node = graph.node[number % len(graph.node)]
        if kind == "op":
            node.op = op
        elif kind == "name":
            node.name = name
        elif kind == "input":
            node.input[:] = [*node.input[:-1], name]
        elif kind == "no inputs":
            del node.input[:]
        elif kind == "strides":
            node.attr["strides"].list.i[:] = [1, size, size, 1]
        elif kind == "type":
            node.attr["T"].type = size % 30
        elif kind == "shape":
            for dim in node.attr["value"].tensor.tensor_shape.dim:
                dim.size = size
    return graph.SerializeToString()


KINDS = ("op", "name", "input", "no inputs", "strides", "type", "shape")
EDITS = st.lists(
    st.tuples(
        st.integers(0, len(NAMES)),
        st.sampled_from(KINDS),
        st.sampled_from([*NAMES, "^Mul", "Mul:7", "nowhere", "", "^", "<b>"]),
        st.sampled_from(OPS),
        st.sampled_from([0, 1, -1, 3, 2**31, 2**62, -(2**63)]),
    ),
    max_size=3,
)
FILES = damaged(GRAPH.SerializeToString()) | st.builds(changed, EDITS)


def network(tmp_path, content):
    path = tmp_path / "a.pb"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is not TTUR's graph
        return fid.Inception(path)


@fuzz(FILES)
def test_graphs_are_read_and_folded(tmp_path, content):
    with refused(fid.Error):
        network(tmp_path, content)


@fuzz(st.builds(changed, EDITS), share=0.02)
def test_graphs_are_run(tmp_path, content):
    with refused(fid.Error):
        network(tmp_path, content).features(IMAGES, 64)
