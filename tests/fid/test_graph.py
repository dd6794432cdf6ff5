import io
import tarfile

import layouts
import numpy as np
import pytest
from fid_graph import SmallInception

import fid
from fid import folding, graph
from fid.layout import channels_first

NAME = graph.FILE_NAME


@pytest.fixture(scope="module")
def small():
    return SmallInception().graph_def()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """No graph in any place, and nothing to be had from the network."""
    monkeypatch.delenv("FID_INCEPTION", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(graph, "TTUR_FOLDER", tmp_path / "imagenet")
    return tmp_path


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def tarball(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content or b""))
    return path.as_uri()


def test_blob_id_is_git_s(tmp_path):
    # printf 'hello\n' | git hash-object --stdin
    expected = "ce013625030ba8dba906f756967f9e9ca394464a"
    assert fid.git_blob_id(put(tmp_path / "file", b"hello\n")) == expected


def test_lookup_order(places, small, monkeypatch):
    ttur = put(places / "imagenet" / NAME, small)
    assert fid.find_graph() == ttur
    cached = put(places / "cache" / "fid" / NAME, small)
    assert fid.find_graph() == cached
    named = put(places / "own.pb", small)
    monkeypatch.setenv("FID_INCEPTION", str(named))
    assert fid.find_graph() == named
    assert fid.find_graph(cached) == cached
    assert fid.find_graph(cached.parent) == cached


def test_a_named_graph_that_is_missing_is_never_replaced(places, small, monkeypatch):
    put(places / "cache" / "fid" / NAME, small)
    with pytest.raises(fid.Error, match=r"no Inception graph at .*none\.pb.*--inception"):
        fid.find_graph(places / "none.pb")
    monkeypatch.setenv("FID_INCEPTION", str(places / "other.pb"))
    with pytest.raises(fid.Error, match=r"other\.pb.*FID_INCEPTION"):
        fid.find_graph()


def test_truncated_graphs_are_named(places, small):
    content = small.SerializeToString()
    for size in (len(content) - 1000, len(content) // 2, 37, 0):
        path = put(places / "cut.pb", content[:size])
        with pytest.raises(fid.Error, match=r"cut\.pb") as error:
            fid.find_graph(path)
        assert "\n" not in str(error.value)
        with pytest.raises(fid.Error):
            fid.Inception(path)


def test_graphs_without_the_nodes_are_named(places, small):
    other = type(small)()
    other.node.extend(node for node in small.node if node.name not in ("pool_1", "pool_3"))
    with pytest.raises(fid.Error, match="no node pool_1, pool_3"):
        fid.find_graph(put(places / "other.pb", other))


@pytest.mark.parametrize("op", ["ReadFile", "WriteFile", "PyFunc", "TFRecordReader", "Save"])
def test_graphs_that_would_run_something_else_are_refused(places, small, op):
    other = type(small)()
    other.CopyFrom(small)
    other.node.add(name="harmless", op=op)
    with pytest.raises(fid.Error, match=f"it would run {op}, which is refused"):
        fid.find_graph(put(places / "other.pb", other))


@pytest.mark.parametrize(("name", "op"), [("a", "\n"), ("\n", "Relu")])
def test_line_breaks_in_a_graph_stay_out_of_messages(places, small, name, op):
    other = type(small)()
    other.CopyFrom(small)
    other.node.add(name=name, op=op, input=["nowhere"])
    with pytest.raises(fid.Error, match=r"^[ -~]+$") as caught:
        fid.find_graph(put(places / "other.pb", other))
    assert r"\n" in str(caught.value)


def test_graphs_with_functions_are_refused(places, small):
    other = type(small)()
    other.CopyFrom(small)
    other.library.function.add().signature.name = "inner"
    with pytest.raises(fid.Error, match="it would run inner, which is refused"):
        fid.find_graph(put(places / "other.pb", other))


def test_a_file_of_absurd_size_is_not_read(places):
    path = places / "huge.pb"
    with path.open("wb") as file:
        file.truncate(folding.MOST_BYTES + 1)  # takes no room
    with pytest.raises(fid.Error, match="it has 1,073,741,825 bytes"):
        fid.find_graph(path)


def test_graphs_that_are_not_frozen_are_named(small):
    thawed = type(small)()
    thawed.CopyFrom(small)
    for node in thawed.node:
        if node.name == "conv/conv2d_params":
            node.op = "VariableV2"
    with pytest.raises(fid.Error, match="not frozen"):
        folding.fold(thawed)


def test_fold_leaves_neither_batch_norm_nor_checks(small):
    folded = folding.fold(small)
    assert not {"BatchNormWithGlobalNormalization", "CheckNumerics"} & {n.op for n in folded.node}
    assert not any(name.startswith("^") for node in folded.node for name in node.input)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_batch_norm_after_no_convolution_is_scaled(tmp_path, small, layout):
    layouts.need(layout)
    apart = type(small)()
    apart.CopyFrom(small)
    relu = apart.node.add(name="conv/between", op="Identity", input=["conv/Conv2D"])
    relu.attr["T"].type = 1
    for node in apart.node:
        if node.name == "conv/batchnorm":
            node.input[0] = "conv/between"
    path = put(tmp_path / "apart.pb", apart)
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3), dtype=np.uint8)
    with pytest.warns(UserWarning, match="NOT the one"):
        features = fid.Inception(path, layout=layout).features(images, 64)
    np.testing.assert_allclose(features, SmallInception().features(images, 64), atol=1e-4)


def laid_out(graph):
    return channels_first(folding.part(folding.fold(graph), "mixed_7/join", "Mul"))


def test_graphs_that_cannot_be_laid_out_are_named(small):
    laid_out(small)
    other = type(small)()
    other.CopyFrom(small)
    nodes = {node.name: node for node in other.node}
    nodes["conv_1"].op = "Softmax"
    with pytest.raises(fid.Error, match='conv_1 is a Softmax: .*layout="NHWC"'):
        laid_out(other)
    nodes["conv_1"].op = "Relu"
    nodes["mixed_7/join/concat_dim"].attr["value"].tensor.int_val[:] = [2]
    with pytest.raises(fid.Error, match="joins along axis 2"):
        laid_out(other)


def test_offline_and_not_found_says_what_to_do(places, monkeypatch):
    missing = (places / "gone.tgz").as_uri()
    with pytest.raises(fid.Error) as error:
        graph.download_graph(places / "cache" / NAME, url=missing, report=False)
    text = str(error.value)
    assert "\n" not in text
    for part in (graph.URL, str(graph.cache_folder() / NAME), "--inception", "FID_INCEPTION"):
        assert part in text
    with pytest.raises(fid.Error, match="no Inception graph"):
        fid.find_graph(download=False)


def test_download_keeps_the_one_member(places, small, capsys):
    content = small.SerializeToString()
    url = tarball(
        places / "a.tgz",
        ("../../evil.txt", b"evil"),
        (NAME, None),
        (f"../{NAME}", content),
        ("LICENSE", b"x"),
    )
    blob = fid.git_blob_id(put(places / "plain.pb", content))
    target = places / "cache" / "fid" / NAME
    assert graph.download_graph(target, url, blob) == target
    assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == [NAME]
    assert not list(places.parent.glob("**/evil.txt"))
    assert "MB" in capsys.readouterr().err


def test_find_graph_downloads_what_is_found_nowhere(places, small, monkeypatch):
    calls = []
    cached = places / "cache" / "fid" / NAME
    monkeypatch.setattr(
        graph, "download_graph", lambda path: calls.append(path) or put(path, small)
    )
    assert fid.find_graph() == cached
    assert fid.find_graph() == cached
    assert calls == [cached]


def test_broken_downloads_leave_nothing_behind(places):
    folder = places / "cache" / "fid"
    whole = tarball(places / "whole.tgz", (NAME, bytes(range(256)) * 400))
    content = (places / "whole.tgz").read_bytes()
    broken = [
        whole,  # not the graph that the id names
        put(places / "cut.tgz", content[: len(content) // 2]).as_uri(),
        put(places / "page.tgz", b"<html>blocked</html>").as_uri(),
        tarball(places / "empty.tgz", ("README", b"none")),
    ]
    for url in broken:
        with pytest.raises(fid.Error, match="--inception") as error:
            graph.download_graph(folder / NAME, url, report=False)
        assert "\n" not in str(error.value)
        assert not list(folder.iterdir())


def test_an_interrupted_download_leaves_nothing_behind(places, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(graph, "_extract_member", interrupt)
    url = tarball(places / "whole.tgz", (NAME, b"graph"))
    with pytest.raises(KeyboardInterrupt):
        graph.download_graph(places / "cache" / NAME, url, report=False)
    assert not list((places / "cache").iterdir())


def changed(small, change):
    other = type(small)()
    other.CopyFrom(small)
    change({node.name: node for node in other.node}, other)
    return other


def add_reader(nodes, graph):
    graph.node.add(name="reader", op="ReadFile")
    nodes["Mul"].input.append("^reader")


def add_inner_reader(nodes, graph):
    function = graph.library.function.add()
    function.signature.name = "inner"
    function.node_def.add(name="reader", op="ReadFile")


def call_function(nodes, graph):
    nodes["Mul"].attr["f"].func.name = "inner"


def call_functions(nodes, graph):
    nodes["Mul"].attr["f"].list.func.add().name = "inner"


def circle(nodes, graph):
    nodes["conv/control_dependency"].input[0] = "conv"


def lead_nowhere(nodes, graph):
    nodes["Mul"].input[1] = "gone:0"


def repeat_name(nodes, graph):
    graph.node.add(name="Mul", op="Identity", input=["Sub"])


def claim_numbers(nodes, graph):
    tensor = nodes["conv/conv2d_params"].attr["value"].tensor
    tensor.tensor_content = b""
    tensor.float_val.append(0.5)  # stands for all
    tensor.tensor_shape.dim[0].size = 2**40


def claim_fewer(nodes, graph):
    nodes["conv/conv2d_params"].attr["value"].tensor.tensor_shape.dim[0].size = -5


HOSTILE = {
    add_reader: "it would run ReadFile, which is refused",
    add_inner_reader: "it would run ReadFile, inner, which is refused",
    call_function: "it would run a function, which is refused",
    call_functions: "it would run a function, which is refused",
    circle: "its nodes run in a circle",
    lead_nowhere: "Mul reads 'gone', which is not there",
    repeat_name: "two nodes have one name",
    claim_numbers: r"it holds [\d,]{15,} numbers",
    claim_fewer: "a size below 0",
}


@pytest.mark.parametrize("change", HOSTILE)
def test_hostile_graphs_are_refused(places, small, change):
    path = put(places / "hostile.pb", changed(small, change))
    with pytest.raises(fid.Error, match=HOSTILE[change]):
        fid.find_graph(path)


def test_graphs_that_do_not_compute_are_named(places, small):
    def resize(nodes, graph):
        tensor = nodes["ResizeBilinear/size"].attr["value"].tensor
        tensor.tensor_content = (2**30).to_bytes(4, "little") * 2

    def no_strides(nodes, graph):
        del nodes["conv/Conv2D"].attr["strides"]

    def no_inputs(nodes, graph):
        del nodes["conv/batchnorm"].input[:]

    reasons = {resize: "resizes images to", no_strides: "that runs", no_inputs: "that runs"}
    for change, reason in reasons.items():
        path = put(places / "broken.pb", changed(small, change))
        with (
            pytest.warns(UserWarning, match="NOT"),
            pytest.raises(fid.Error, match=reason) as error,
        ):
            fid.Inception(path).features(np.zeros((1, 9, 9, 3), np.uint8), 64)
        assert "\n" not in str(error.value)
