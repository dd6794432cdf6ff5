import os
import subprocess
import sys
import types

import keras
import numpy as np
import own_networks
import pytest
import varied_models
from doc_blocks import block

from tf_twostage import TwoStageVAE, recipes
from tf_twostage.errors import InputError, WriteError
from tf_twostage.models.export_keras import export_keras

FIRST, SECOND = {"decoder", "encoder"}, {"stage2_decoder", "stage2_encoder"}
HALVES = {"wae_mmd": FIRST, "gan": {"decoder"}}


@pytest.fixture(scope="module", params=varied_models.PARAMS)
def exported(request, tmp_path_factory):
    """A model, and the halves that its files hold."""
    model = varied_models.build(request.param)
    written = export_keras(model, tmp_path_factory.mktemp("keras"))
    halves = {path.stem: keras.models.load_model(path) for path in written}
    assert set(halves) == HALVES.get(request.param, FIRST | SECOND)
    return model, halves


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_decoder_gives_the_images_of_the_model(exported):
    model, halves = exported
    z = varied_models.latents(model)
    images = np.asarray(halves["decoder"](z))
    assert images.std(axis=0).max() > 0.005
    close(images, model.decode(z))


def test_the_encoder_gives_the_posterior_of_the_model(exported):
    model, halves = exported
    if "encoder" not in halves:
        pytest.skip("a GAN has none")
    images = varied_models.images(model)
    found, wanted = halves["encoder"](images), model.encode(images)
    assert np.std(found["mean"]) > 0.01
    close(found["mean"], wanted.mean)
    close(found["stddev"], wanted.stddev)


def test_the_second_stage_draws_the_latents_of_the_model(exported):
    model, halves = exported
    if "stage2_decoder" not in halves:
        pytest.skip("one stage")
    u, noise = varied_models.latents(model), varied_models.latents(model, seed=3)
    found = halves["stage2_decoder"](u)
    close(found["mean"] + found["stddev"] * noise, model.latents_from(u, noise))
    posterior, wanted = halves["stage2_encoder"](u), model.encode_latents(u)
    close(posterior["mean"], wanted.mean)
    close(posterior["stddev"], wanted.stddev)


def test_a_stage_that_is_not_trained_has_no_files(tmp_path):
    model = varied_models.build("infogan")
    model.trained = {1}
    assert {path.stem for path in export_keras(model, tmp_path)} == FIRST


def test_what_cannot_be_written_is_one_line(tmp_path):
    model = varied_models.build("gan")
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="cannot write .*decoder.keras"):
        export_keras(model, tmp_path / "file")


class Silent(keras.layers.Layer):
    """A user's layer that does not tell Keras what it was made with."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


def test_a_users_layer_that_cannot_be_saved_is_one_line(tmp_path):
    encoder, decoder = own_networks.dense(types.SimpleNamespace(latent_dim=4), (8, 8, 1))
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=4, stage2_width=8)
    halves = encoder, keras.Sequential([decoder, Silent(keras.ops.abs)])
    model = TwoStageVAE(recipe, (8, 8, 1), network=halves)
    model.trained = {1}
    with pytest.raises(InputError, match="decoder.keras cannot be written: .*Silent"):
        export_keras(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_client_of_the_page(tmp_path, monkeypatch):
    model, found = varied_models.build("infogan"), {}
    export_keras(model, tmp_path / "models/demo/keras")
    monkeypatch.chdir(tmp_path)
    exec(block("docs/without_server.md", "python", "load_model").code, found)
    close(
        found["images"],
        model.decode(model.latents_from(found["u"].numpy(), found["noise"].numpy())),
    )


@pytest.mark.slow
def test_the_files_load_without_this_package(tmp_path):
    model = varied_models.build("resnet")
    export_keras(model, tmp_path)
    z = varied_models.latents(model)
    np.save(tmp_path / "z.npy", z)
    program = (
        "import sys, keras, numpy\n"
        "decoder = keras.models.load_model('decoder.keras')\n"
        "numpy.save('images.npy', decoder(numpy.load('z.npy')))\n"
        "assert not any(name.startswith('tf_twostage') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=os.environ, check=True)
    close(np.load(tmp_path / "images.npy"), model.decode(z))
