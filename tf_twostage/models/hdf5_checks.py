"""What must hold of an HDF5 file of weights from elsewhere before it is read."""

import pathlib

import h5py


def check(path: pathlib.Path) -> None:
    """Makes sure that a file holds all it names, and no more than it has room for.

    HDF5 can take a dataset's values from any other file of the machine, and can give a size of
    terabytes to one that has no values yet.

    Raises:
      ValueError: a link or a dataset leads to another file; a dataset has fewer bytes than it
        claims.
      OSError, RuntimeError: the file is damaged.
    """
    with h5py.File(path) as file:
        _check_group(file)


def _check_group(group: h5py.Group) -> None:
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link, which weights never are")
        inside = group[name]
        if isinstance(inside, h5py.Group):
            _check_group(inside)
        else:
            _check_dataset(name, inside)


def _check_dataset(name: str, dataset: h5py.Dataset) -> None:
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} takes its values from another file")
    if dataset.nbytes > dataset.id.get_storage_size():
        raise ValueError(f"{name} claims {dataset.nbytes:,} bytes that are not there")
