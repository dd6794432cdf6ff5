"""Finds the frozen Inception graph of 2015-12-05, or downloads it, and tells which graph it is.

The published FIDs are all measured with one file, `classify_image_graph_def.pb`. It is looked for
in

1. the path given by the caller (the file, or a folder that holds it),
2. the environment variable `FID_INCEPTION`,
3. the user's cache folder (`$XDG_CACHE_HOME/fid` or `~/.cache/fid`),
4. `/tmp/imagenet`, where TTUR's script keeps it,

and downloaded into the cache folder if it is in none of them.
"""

import hashlib
import http.client
import os
import sys
import tarfile
import tempfile
import time
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fid.errors import Error, reason

FILE_NAME = "classify_image_graph_def.pb"
# The bucket behind http://download.tensorflow.org, which TTUR's script reads without TLS.
URL = (
    "https://storage.googleapis.com/download.tensorflow.org/models/image/imagenet/"
    "inception-2015-12-05.tgz"
)
# The SHA-1 of b"blob <size>\0" and the file's bytes: the file's name in any git repository.
TTUR_BLOB_ID = "f34cb9b774a4547b5e214ef4202e5775a9c0f436"
VARIABLE = "FID_INCEPTION"
TTUR_FOLDER = Path("/tmp/imagenet")
_CHUNK = 1 << 20
_PART, A_DAY = ".part", 86_400.0  # of files that are not whole yet; seconds
_MOST_BYTES = 200 << 20  # of the tarball, and of the graph in it: about 85 and 92 MB


def cache_folder() -> Path:
    """The folder for the graph and for cached statistics; it need not exist."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "fid"


def git_blob_id(path: str | os.PathLike) -> str:
    """The id, 40 hexadecimal digits, that git gives to the file's content."""
    path = Path(path)
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def find_graph(path: str | os.PathLike | None = None, download: bool = True) -> Path:
    """Finds the frozen Inception graph and checks that the file is one.

    Args:
        path: the file, or a folder that holds `classify_image_graph_def.pb`; None looks in the
            places that the module's docstring lists.
        download: whether to download the graph (about 85 MB) where it is found nowhere.

    Returns:
        The path of the graph's file.

    Raises:
        Error: `path` (or `FID_INCEPTION`) names no graph, the file is cut short or lacks a node
            that features are read from, or the graph is found nowhere and cannot be downloaded.
    """
    found = _named_graph(path) or _stored_graph()
    if found is None and download:
        found = download_graph(cache_folder() / FILE_NAME)
    if found is None:
        raise Error(f"no Inception graph: {_advice()}")
    check_graph(found)
    return found


def check_graph(path: Path) -> None:
    """Raises `Error` unless the file is TTUR's graph or another that features can be read from."""
    try:
        known = git_blob_id(path) == TTUR_BLOB_ID
    except OSError as error:
        raise Error(f"cannot read the Inception graph {path}: {error.strerror}") from None
    if not known:
        from fid.folding import load_graph_def

        load_graph_def(path)


def _named_graph(path: str | os.PathLike | None) -> Path | None:
    """The graph that the caller or the environment names, or None where neither names one."""
    source = "the argument (--inception)"
    if path is None:
        path, source = os.environ.get(VARIABLE), f"the environment variable {VARIABLE}"
    if not path:
        return None
    path = Path(path).expanduser()
    inner = path / FILE_NAME if path.is_dir() else path
    if not inner.is_file():
        raise Error(f"no Inception graph at {inner}, which {source} names; get it from {URL}")
    return inner


def _stored_graph() -> Path | None:
    places = (cache_folder() / FILE_NAME, TTUR_FOLDER / FILE_NAME)
    return next((place for place in places if place.is_file()), None)


def _advice() -> str:
    return (
        f"download {URL}, extract {FILE_NAME} and put it at {cache_folder() / FILE_NAME}, "
        f"or name it with --inception or {VARIABLE}"
    )


def download_graph(
    target: Path, url: str = URL, blob_id: str = TTUR_BLOB_ID, report: bool = True
) -> Path:
    """Downloads the tarball and extracts the graph to `target`; a broken try leaves nothing behind.

    Args:
        target: where the graph goes; a file there is replaced, once the new one is whole.
        url: https: or, for a tarball on this machine, file:.
        blob_id: the git blob id that the graph must have. Nothing reads the graph before.
        report: whether to draw the progress.

    Raises:
        Error: another kind of address, or one that leads to another kind; it cannot be read, its
            certificate is not good; what came is too large, or is another graph.
    """
    try:
        with temporary_beside(target) as tarball, temporary_beside(target) as graph:
            _fetch(url, tarball, _download_bar if report else lambda *_: None)
            _extract_member(tarball, graph)
            if git_blob_id(graph) != blob_id:
                raise Error(f"{url} holds another graph than TTUR's; {_advice()}")
            os.replace(graph, target)
    except (OSError, EOFError, tarfile.TarError, zlib.error, http.client.HTTPException) as error:
        text = f"could not download the Inception graph ({reason(error)}): {_advice()}"
        raise Error(text) from None
    return target


@contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """A new file's path in `target`'s folder, to be renamed to `target`; removed if it is not.

    Those of writers that were killed a day ago or earlier are removed too.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".*{_PART}*"):
        with suppress(FileNotFoundError):  # another writer was quicker
            if time.time() - left.stat().st_mtime > A_DAY:
                left.unlink()
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.stem}-", suffix=f"{_PART}{target.suffix}"
    )
    os.close(handle)
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)  # mkstemp's 0600 would keep a shared cache to one user
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Goes on to https addresses alone."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _check_safe(newurl, ("https",))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_safe(url: str, schemes: tuple[str, ...]) -> None:
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in schemes:
        raise OSError(f"{url} is refused: its scheme is {scheme or 'missing'}, not https")


def _fetch(url: str, path: Path, report: Callable[[int, int], None]) -> None:
    _check_safe(url, ("https", "file"))
    opener = urllib.request.build_opener(_SafeRedirects)
    with opener.open(url, timeout=30) as response, path.open("wb") as file:
        total = int(response.headers.get("Content-Length") or 0)
        done = _copy(response, file, lambda done: report(done, total))
    if total and done != total:
        raise OSError(f"the connection closed after {done} of {total} bytes")


def _extract_member(tarball: Path, path: Path) -> None:
    """Copies the graph out of the tarball; names and links inside it are never followed."""
    with tarfile.open(tarball) as archive, path.open("wb") as file:
        for member in archive:
            if member.isreg() and Path(member.name).name == FILE_NAME:
                _copy(archive.extractfile(member), file)
                return
    raise tarfile.TarError(f"no {FILE_NAME} in the tarball")


def _copy(
    source: BinaryIO, target: BinaryIO, report: Callable[[int], None] = lambda done: None
) -> int:
    """Copies all bytes, unless they are too many; returns how many there were."""
    done = 0
    while chunk := source.read(_CHUNK):
        done += target.write(chunk)
        if done > _MOST_BYTES:
            raise OSError(f"more than {_MOST_BYTES:,} bytes came")
        report(done)
    return done


_last_drawn = 0.0


def _download_bar(done: int, total: int) -> None:
    """Draws the download's progress on a terminal; elsewhere only says when it is done."""
    global _last_drawn
    finished = done == total
    now = time.monotonic()
    if not finished and (now - _last_drawn < 0.2 or not sys.stderr.isatty()):
        return
    _last_drawn = now
    share = f"{100 * done // total:3d} %" if total else ""
    end = "\n" if finished else ""
    print(f"\rInception graph: {done / 1e6:6.1f} MB {share}", end=end, file=sys.stderr, flush=True)
