import numpy as np
import pytest
from PIL import Image

import fid
from fid import images as images_module

RNG = np.random.default_rng(4)


def write_png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def read(source):
    return [image for batch in images_module.batches(source) for image in batch]


def test_folder_gives_every_size_in_the_order_of_names(tmp_path):
    shapes = [(5, 6), (5, 6), (7, 4), (5, 6)]
    pixels = [RNG.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    for i, image in enumerate(pixels):
        write_png(tmp_path / f"{i}.{'PNG' if i % 2 else 'png'}", image)
    (tmp_path / "notes.txt").write_text("no image")
    write_png(tmp_path / "deeper" / "9.png", pixels[0])
    with pytest.warns(UserWarning, match="1 file left out: 1 .txt"):
        found = read(tmp_path)
    for image, expected in zip(found, [*pixels, pixels[0]], strict=True):
        np.testing.assert_array_equal(image, expected)


def test_folder_reads_grey_palette_and_jpeg(tmp_path):
    grey = RNG.integers(0, 256, (6, 6), dtype=np.uint8)
    write_png(tmp_path / "a.png", grey)
    Image.fromarray(grey).convert("P").save(tmp_path / "b.png")
    Image.fromarray(np.full((6, 6, 3), 128, np.uint8)).save(tmp_path / "c.jpeg")
    first, second, third = read(tmp_path)
    np.testing.assert_array_equal(first, np.repeat(grey[..., None], 3, -1))
    np.testing.assert_array_equal(second, first)
    assert abs(int(third.mean()) - 128) <= 2


def test_long_folders_stay_in_order_and_in_pieces(tmp_path):
    for i in range(150):
        write_png(tmp_path / f"{i:03}.png", np.full((2, 2, 3), i, np.uint8))
    assert [int(image[0, 0, 0]) for image in read(tmp_path)] == list(range(150))
    assert max(len(batch) for batch in images_module.batches(tmp_path)) <= 64


def test_folder_mistakes_are_named(tmp_path):
    with pytest.raises(fid.Error, match="no file or folder"):
        read(tmp_path / "none")
    with pytest.raises(fid.Error, match="holds no PNG, JPEG, BMP"):
        read(tmp_path)
    write_png(tmp_path / "a.png", RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(fid.Error, match=r"cannot read the image .*a\.png"):
        read(tmp_path)
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(fid.Error, match="8 bits"):
        read(tmp_path)


@pytest.mark.parametrize("held_out", ["test", "val", "validation"])
def test_folders_of_several_sets_are_told_apart(tmp_path, held_out):
    for i, folder in enumerate(("train/cats", "train/dogs", held_out)):
        write_png(tmp_path / folder / "0.png", np.full((2, 2, 3), i, np.uint8))
    with pytest.raises(fid.Error, match=f"several sets: name one of .*/train, .*/{held_out}"):
        read(tmp_path)
    assert [int(image.max()) for image in read(tmp_path / "train")] == [0, 1]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_npz_is_read_in_pieces(tmp_path, compressed, dtype):
    pixels = RNG.integers(0, 256, (130, 3, 4, 3)).astype(dtype)
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "one.npz", pixels)
    save(tmp_path / "several.npz", other=pixels[:2], images=pixels)
    save(tmp_path / "labelled.npz", pixels, np.arange(130))
    save(tmp_path / "fortran.npz", np.asfortranarray(pixels))
    for name in ("one.npz", "several.npz", "labelled.npz", "fortran.npz"):
        pieces = list(images_module.batches(tmp_path / name))
        assert max(map(len, pieces)) <= 64
        np.testing.assert_array_equal(np.concatenate(pieces), pixels)
        assert pieces[0].dtype == dtype


@pytest.mark.parametrize(
    ("images", "beside"),
    [("arr_0", "arr_1"), ("image", "label"), ("data", "labels"), ("x", "mu"), ("sigma", "y")],
)
def test_labels_may_lie_beside_the_images(tmp_path, images, beside):
    pixels = RNG.integers(0, 256, (9, 4, 5), dtype=np.uint8)
    for labels in (np.arange(9), np.eye(9), np.array(["cat"] * 9, object)):
        np.savez(tmp_path / "a.npz", **{beside: labels, images: pixels})
        np.testing.assert_array_equal(np.stack(read(tmp_path / "a.npz"))[..., 0], pixels)


@pytest.mark.parametrize("pair", [("train", "test"), ("x_train", "x_test"), ("train_images", "b")])
def test_one_array_of_several_is_named(tmp_path, pair):
    pixels = RNG.integers(0, 256, (9, 4, 5), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", **{pair[0]: pixels[:6], pair[1]: pixels[6:], "y": np.arange(6)})
    with pytest.raises(fid.Error, match=rf"say which, such as .*a\.npz:{pair[1]}"):
        read(tmp_path / "a.npz")
    for key, count in zip(pair, (6, 3), strict=True):
        assert len(read(f"{tmp_path / 'a.npz'}:{key}")) == count
    for key in ("y", "none"):
        with pytest.raises(fid.Error, match=f"none called {key} is an array of images"):
            read(f"{tmp_path / 'a.npz'}:{key}")


def test_npy_is_read(tmp_path):
    pixels = RNG.integers(0, 256, (70, 3, 4), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    np.testing.assert_array_equal(np.stack(read(tmp_path / "a.npy"))[..., 0], pixels)
    assert images_module.count(images_module.open_images(tmp_path / "a.npy")) == 70


@pytest.mark.parametrize(
    ("shape", "descr"),
    [
        ((-1,), "|V0"),  # NumPy divides by 0 here, and the process ends
        ((10**15, 8, 8), "|u1"),
        ((3, 8, 8), "|u1"),  # of which 2 are there
    ],
)
def test_a_header_that_claims_another_size_is_refused(tmp_path, shape, descr):
    path = tmp_path / "claims.npy"
    with path.open("wb") as file:
        form = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, form)
        file.write(bytes(2 * 8 * 8))
    with pytest.raises(fid.Error, match=r"claims\.npy cannot be read as a NumPy file"):
        read(path)


def test_file_mistakes_are_named(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 3, 3)), b=np.zeros((2, 3, 3)))
    with pytest.raises(fid.Error, match=r"holds a: float64 \[2, 3, 3\], b: .*two\.npz:b"):
        read(tmp_path / "two.npz")
    content = (tmp_path / "two.npz").read_bytes()
    for name in ("cut.npz", "cut.npy"):
        (tmp_path / name).write_bytes(content[:100])
        with pytest.raises(fid.Error, match=name):
            read(tmp_path / name)
    np.savez_compressed(tmp_path / "rot.npz", RNG.integers(0, 256, (90, 8, 8), dtype=np.uint8))
    rotten = bytearray((tmp_path / "rot.npz").read_bytes())
    rotten[3000:3100] = bytes(100)
    (tmp_path / "rot.npz").write_bytes(rotten)
    with pytest.raises(fid.Error, match=r"rot\.npz"):
        read(tmp_path / "rot.npz")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(fid.Error, match="no folder of images"):
        read(tmp_path / "a.txt")
    np.savez(tmp_path / "objects.npz", np.array([{}, {}]))
    with pytest.raises(fid.Error, match="object"):
        read(tmp_path / "objects.npz")


@pytest.mark.parametrize(("count", "kept"), [(10, 8), (8, 8), (3, 0)])
def test_drop_last_keeps_whole_batches_however_images_arrive(count, kept):
    images = RNG.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    for source in (images, (images[i : i + 3] for i in range(0, count, 3))):
        found = [image for batch in fid.Preparation(drop_last=4).batches(source) for image in batch]
        assert len(found) == kept
        np.testing.assert_array_equal(np.reshape(found, (kept, 4, 4, 3)), images[:kept])
    with pytest.raises(fid.Error, match="drop_last"):
        fid.Preparation(drop_last=0)


def test_content_hash_tells_content_not_place(tmp_path):
    pixels = RNG.integers(0, 256, (100, 4, 4, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", pixels)
    np.savez_compressed(tmp_path / "b.npz", pixels)
    hashes = {images_module.content_hash(x) for x in (pixels, tmp_path / "a.npz", [pixels])}
    assert images_module.content_hash(tmp_path / "b.npz") in hashes
    changed = pixels.copy()
    changed[99, 3, 3, 2] ^= 1
    for other in (changed, pixels[::-1], pixels[:99], pixels.astype(np.float32)):
        assert images_module.content_hash(other) not in hashes
    for name in ("c", "d"):
        for i in range(3):
            write_png(tmp_path / name / f"{i}.png", pixels[i])
    folder = images_module.content_hash(tmp_path / "c")
    assert images_module.content_hash(tmp_path / "d") == folder
    write_png(tmp_path / "d" / "1.png", pixels[7])
    assert images_module.content_hash(tmp_path / "d") != folder
