"""NumPy's files from strangers: images, statistics, posteriors, cached faces."""

import io
import struct
import zipfile

import numpy as np
from fuzzing import NUMBERS, ODD, damaged, fuzz, refused
from hypothesis import strategies as st

import fid
from fid import images, statistics
from tf_twostage.data import celeba_cache, sources
from tf_twostage.data.storage import Storage, pieces
from tf_twostage.errors import InputError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def claimed(descr, fortran, shape, values):
    """An .npy file whose header says something else than what follows."""
    header = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode(
        "utf-8", "replace"
    )
    return b"\x93NUMPY\x02\0" + struct.pack("<I", len(header) + 1) + header + b"\n" + values


def zipped(members, method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


KINDS = st.sampled_from(["|u1", "<f8", "|O", "<U9", "|V0", "<f4, <f4", [("a", "<i4")], *ODD])
SIZES = st.sampled_from([3, 4, 12, 10**15, 2**63 - 1, *NUMBERS])
EMPTY = ((10**15,), (10**15, 0), (10**15, 0, 4), (10**15, 4, 0, 3), (0, 4, 4, 3))  # no bytes
CLAIMS = st.builds(
    claimed,
    KINDS,
    st.sampled_from([False, True, 0, "x"]),
    st.lists(SIZES, max_size=5).map(tuple) | st.sampled_from([*EMPTY, *ODD]),
    st.binary(max_size=64) | st.just(bytes(12 * 4 * 4 * 3)),
)
MEMBERS = damaged(npy(PIXELS), npy(np.asfortranarray(PIXELS)), npy(np.eye(4))) | CLAIMS
NAMES = ("images", "train", "test", "mu", "sigma", "count", "../images", "/a/b", "\n", "\x1b[2J")
ZIPS = st.builds(
    zipped,
    st.dictionaries(st.sampled_from([f"{name}.npy" for name in NAMES]), MEMBERS, max_size=4),
    st.sampled_from(
        [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    ),
)
SOUND = (
    npz(images=PIXELS, labels=np.arange(12)),
    npz(np.savez_compressed, train=PIXELS, test=PIXELS[:2]),
    npz(images=np.asfortranarray(PIXELS)),
    npz(mu=np.zeros(4), sigma=np.eye(4)),
    npz(mu=np.zeros(4), sigma=np.eye(4), count=12, inception_git_blob="abc"),
)
FILES = damaged(*SOUND) | ZIPS


@fuzz(FILES)
def test_npz_images_to_train_on(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with refused(InputError):
        source = sources.find(path)
        source.describe()
        source.outline()
        source.load(Storage(1e6, tmp_path))


@fuzz(FILES)
def test_npz_images_to_score(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    score(path)


@fuzz(MEMBERS)
def test_npy_images_to_score(tmp_path, content):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    score(path)


def score(path):
    with refused(fid.Error):
        for _ in images.check_pixels(images.batches(images.open_images(path))):
            pass


@fuzz(FILES)
def test_statistics(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with refused(fid.Error):
        statistics.is_statistics(path)
        one = fid.Statistics.load(path)
        fid.compare(one, one, one.dims)


@fuzz(MEMBERS)
def test_posteriors_of_a_run(tmp_path, content):
    path = tmp_path / "posterior_mean.npy"
    path.write_bytes(content)
    with refused(InputError):
        for _ in pieces(Storage(1e6).read_npy(path)):
            pass


@fuzz(FILES | damaged(npz(train=PIXELS, test=PIXELS)), share=0.25)
def test_cached_faces(tmp_path, content):
    path = tmp_path / "celeba-key.npz"
    path.write_bytes(content)
    sound = {"train": PIXELS, "test": PIXELS[:2]}
    shapes = {split: faces.shape for split, faces in sound.items()}
    found = celeba_cache.kept("key", tmp_path, shapes, lambda: sound)
    assert set(found) == {"train", "test"}
    for split, faces in found.items():
        assert (faces.shape, faces.dtype) == (shapes[split], np.uint8)
