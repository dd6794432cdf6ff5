"""What TensorFlow Datasets downloads: by hash only; from a server on this machine."""

import hashlib
import http.server
import threading

import pytest
from loading import load, message

from tf_twostage.data import tfds_builders

SETS = ("mnist", "fashion_mnist", "cifar10", tfds_builders.CELEBA)


@pytest.fixture
def server(monkeypatch):
    """Answers every request with b"other"; MNIST is looked for there. Gives its address."""

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"other")

        def log_message(self, *_):
            pass

    found = http.server.ThreadingHTTPServer(("localhost", 0), Other)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    url = f"http://localhost:{found.server_port}/"
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr("tensorflow_datasets.image_classification.mnist.MNIST.URL", url)
    monkeypatch.setattr(tfds_builders, "_check_reachable", lambda *_: None)
    yield url
    found.shutdown()
    found.server_close()
    thread.join()


def test_a_file_with_another_hash_is_refused(server, tmp_path, monkeypatch):
    from tensorflow_datasets.core.download import checksums

    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    names += ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    right = hashlib.sha256(b"right").hexdigest()
    known = {f"{server}{name}.gz": checksums.UrlInfo(5, right, name) for name in names}
    monkeypatch.setattr(checksums, "get_all_url_infos", lambda: known)
    assert "NonMatchingChecksumError" in message(load, "mnist", data_dir=tmp_path)
    assert not list(tmp_path.rglob("*.tfrecord*"))


def test_a_file_without_a_known_hash_is_refused(server, tmp_path):
    assert "Missing checksums url" in message(load, "mnist", data_dir=tmp_path)
    assert not list(tmp_path.rglob("*.tfrecord*"))


@pytest.mark.parametrize("name", SETS)
def test_the_known_sets_come_with_hashes_and_over_tls(name, tmp_path):
    infos = tfds_builders.builder_of(name, tmp_path).url_infos
    assert infos
    assert all(len(info.checksum) == 64 and info.size > 0 for info in infos.values())
    if name != "fashion_mnist":  # its makers' server has no TLS: the hash alone decides
        assert all(url.startswith("https://") for url in infos)
