import numpy as np
import tensorflow as tf

from tf_twostage import recipes
from tf_twostage.models import inference
from tf_twostage.models.networks import Posterior
from tf_twostage.models.two_stage import TwoStageVAE


def test_a_network_is_traced_once_for_all_numbers_of_examples(monkeypatch):
    recipe = recipes.get("paper", "mnist", 100, latent_dim=4, stage2_width=16)
    encoder = TwoStageVAE(recipe, (8, 8, 1)).stage2.encoder
    calls = []
    plain = type(encoder).call
    monkeypatch.setattr(
        type(encoder), "call", lambda self, *a, **k: calls.append(1) or plain(self, *a, **k)
    )
    encode = inference.compiled(encoder)
    z = np.random.default_rng(0).normal(size=(7, 4)).astype("float32")
    parts = [encode(z[:count]) for count in (1, 7, 3)]
    assert len(calls) == 1
    assert isinstance(parts[0], Posterior)
    assert isinstance(parts[0].mean, np.ndarray)
    expected = encoder(tf.constant(z), training=False)
    np.testing.assert_allclose(parts[1].mean, expected.mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(parts[2].stddev, expected.stddev[:3], rtol=1e-5, atol=1e-6)
