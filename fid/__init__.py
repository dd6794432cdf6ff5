"""The Fréchet Inception Distance, as TTUR's script computes it, on TensorFlow 2.

    import fid
    result = fid.compute(real_images, generated_images)   # arrays, folders, .npz, …
    print(float(result), result.comparable_with_table1)

From the shell: `python -m fid REAL GENERATED`.
"""

from fid.distance import Result, compare, compute
from fid.errors import Error
from fid.frechet import frechet_distance
from fid.graph import TTUR_BLOB_ID, cache_folder, find_graph, git_blob_id
from fid.inception import Inception, check_dims
from fid.inception_score import InceptionScore, inception_score
from fid.kid import KID, kid
from fid.precision_recall import PrecisionRecall, precision_recall
from fid.preparation import Preparation
from fid.protocols import PROTOCOLS, plain, quantize, stretch
from fid.statistics import Statistics, cached_statistics

__all__ = [
    "PROTOCOLS",
    "TTUR_BLOB_ID",
    "Error",
    "KID",
    "Inception",
    "InceptionScore",
    "PrecisionRecall",
    "Preparation",
    "Result",
    "Statistics",
    "cache_folder",
    "cached_statistics",
    "check_dims",
    "compare",
    "compute",
    "find_graph",
    "frechet_distance",
    "git_blob_id",
    "inception_score",
    "kid",
    "plain",
    "precision_recall",
    "quantize",
    "stretch",
]
