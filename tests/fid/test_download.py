"""The graph's download: over TLS, of a bounded size, by hash, and nothing left behind otherwise.

(`test_graph.py` tests what a broken download leaves behind.)
"""

import email.message
import http.server
import io
import shutil
import ssl
import subprocess
import tarfile
import threading
import urllib.request
import urllib.response

import pytest

import fid
from fid import graph

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def archive():
    """A tarball with a file of the graph's name."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as made:
        info = tarfile.TarInfo(graph.FILE_NAME)
        info.size = len(CONTENT)
        made.addfile(info, io.BytesIO(CONTENT))
    return written.getvalue()


@pytest.fixture
def blob_id(tmp_path):
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return fid.git_blob_id(path)


@pytest.fixture
def web(monkeypatch):
    """https addresses -> a body, or the address that they lead on to; in place of the network."""
    pages = {}

    class Answers(urllib.request.HTTPSHandler):
        def https_open(self, request):
            found, headers = pages[request.full_url], email.message.Message()
            body, status = (found, 200) if isinstance(found, bytes) else (b"", 302)
            if status == 302:
                headers["Location"] = found
            answer = urllib.response.addinfourl(io.BytesIO(body), headers, request.full_url, status)
            answer.msg = "said here"
            return answer

    monkeypatch.setattr(urllib.request, "HTTPSHandler", Answers)
    return pages


def fetch(folder, url, blob_id=graph.TTUR_BLOB_ID):
    return graph.download_graph(folder / "graph.pb", url, blob_id, report=False)


def refused(folder, url, blob_id=graph.TTUR_BLOB_ID):
    """The line that says why; nothing is left in the folder."""
    with pytest.raises(fid.Error) as error:
        fetch(folder, url, blob_id)
    assert "\n" not in str(error.value)
    assert not folder.exists() or not list(folder.iterdir())
    return str(error.value)


def test_its_own_address_has_tls():
    assert graph.URL.startswith("https://")


def test_a_redirect_to_https_is_followed(web, archive, blob_id, tmp_path):
    web["https://a/graph.tgz"] = "https://b/graph.tgz"
    web["https://b/graph.tgz"] = archive
    assert fetch(tmp_path / "cache", "https://a/graph.tgz", blob_id).read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["http://b/graph.tgz", "ftp://b/graph.tgz", "file:///etc/hosts"])
def test_a_redirect_to_anything_else_is_refused(web, target, tmp_path):
    web["https://a/graph.tgz"] = target
    said = refused(tmp_path / "cache", "https://a/graph.tgz")
    assert target in said
    assert "refused" in said or "not allowed" in said  # ours, and Python's


@pytest.mark.parametrize("url", ["http://a/graph.tgz", "ftp://a/graph.tgz", "graph.tgz"])
def test_an_address_without_tls_is_refused(url, tmp_path):
    assert f"{url} is refused" in refused(tmp_path / "cache", url)


def test_another_file_is_refused_by_its_hash_and_never_read(web, archive, tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "check_graph", None)  # would read it
    web["https://a/graph.tgz"] = archive
    assert "another graph than TTUR's" in refused(tmp_path / "cache", "https://a/graph.tgz")


@pytest.mark.parametrize("most", [100, len(CONTENT) - 1])  # below the tarball's, the graph's
def test_a_file_without_end_is_not_taken(web, archive, blob_id, most, tmp_path, monkeypatch):
    assert 100 < len(archive) < len(CONTENT) - 1
    monkeypatch.setattr(graph, "_MOST_BYTES", most)
    web["https://a/graph.tgz"] = archive
    said = refused(tmp_path / "cache", "https://a/graph.tgz", blob_id)
    assert f"more than {most:,} bytes came" in said


@pytest.fixture
def untrusted(tmp_path):
    """A TLS server on this machine whose certificate nobody vouches for; gives its address."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.HTTPServer(("localhost", 0), http.server.SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_port}/graph.tgz"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_certificate_that_nobody_vouches_for_is_refused(untrusted, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "localhost")
    assert "certificate verify failed" in refused(tmp_path / "cache", untrusted)
