import sys
import types

import keras
import numpy as np
import own_networks
import pytest
import tensorflow as tf
import varied_models
from doc_blocks import block

from tf_twostage import TwoStageVAE, recipes
from tf_twostage.errors import InputError
from tf_twostage.models.export_onnx import export_onnx


@pytest.fixture(scope="module", params=varied_models.PARAMS)
def exported(request, tmp_path_factory):
    """A model, and its files in ONNX's own runtime."""
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    model = varied_models.build(request.param)
    written = export_onnx(model, tmp_path_factory.mktemp("onnx"))
    assert [path.name for path in written] == ["decode.onnx", "generate.onnx"]
    providers = ["CPUExecutionProvider"]
    return model, *(runtime.InferenceSession(path, providers=providers) for path in written)


def close(found, wanted):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_decode_gives_the_images_of_the_model(exported):
    model, decode, _ = exported
    (given,) = decode.get_inputs()
    assert (given.name, given.shape) == ("latents", ["N", model.recipe.latent_dim])
    assert decode.get_outputs()[0].shape == ["N", *model.image_shape]
    for count in (1, 3):
        z = varied_models.latents(model, count)
        (images,) = decode.run(["images"], {"latents": z})
        assert images.std() > 0.05
        close(images, model.decode(z))


def test_generate_samples_from_the_last_stage(exported):
    model, _, generate = exported
    u, noise = varied_models.latents(model), varied_models.latents(model, seed=3)
    draws = {"u": u, "noise": noise} if model.last_stage == 2 else {"u": u}
    assert [given.name for given in generate.get_inputs()] == list(draws)
    z = model.latents_from(u, noise) if model.last_stage == 2 else model.from_normal(u)
    close(generate.run(["images"], draws)[0], model.decode(z))


def test_no_rows_give_no_rows(exported):
    model, decode, _ = exported
    (images,) = decode.run(["images"], {"latents": varied_models.latents(model, 0)})
    assert images.shape == (0, *model.image_shape)


@pytest.mark.slow
def test_the_client_of_the_page(tmp_path, monkeypatch):
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    model, found = varied_models.build("infogan"), {}
    export_onnx(model, tmp_path / "models/demo/onnx")
    monkeypatch.chdir(tmp_path)
    exec(block("docs/without_server.md", "python", "onnxruntime").code, found)
    close(found["images"], model.decode(model.latents_from(*found["draws"].values())))


@pytest.mark.slow
def test_without_a_trained_second_stage_generate_takes_u_alone(tmp_path):
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    model = varied_models.build("infogan")
    model.trained = {1}
    *_, path = export_onnx(model, tmp_path)
    generate = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    z = varied_models.latents(model)
    close(generate.run(["images"], {"u": z})[0], model.decode(z))


def halves(last):
    """Two halves of a user's for 4 x 4 images, the decoder's layer before the sigmoid given."""
    encoder, _ = own_networks.dense(types.SimpleNamespace(latent_dim=2), (4, 4, 1))
    layers = [keras.layers.Dense(16), last, keras.layers.Reshape((4, 4, 1))]
    return encoder, keras.Sequential([*layers, keras.layers.Activation("sigmoid")])


def own(last):
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=2, stage2_width=8, stage2_depth=1)
    model = TwoStageVAE(recipe, (4, 4, 1), network=halves(last))
    model.trained = {1}
    return model


def test_gelu_is_converted(tmp_path):
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    model = own(keras.layers.Activation("gelu"))
    decode, _ = (runtime.InferenceSession(path) for path in export_onnx(model, tmp_path))
    z = varied_models.latents(model)
    close(decode.run(["images"], {"latents": z})[0], model.decode(z))


def test_what_onnx_does_not_know_is_one_line(tmp_path, capfd):
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    model = own(keras.layers.Lambda(tf.math.lgamma))
    with pytest.raises(InputError, match="cannot convert this model: .*Lgamma") as caught:
        export_onnx(model, tmp_path)
    assert "\n" not in str(caught.value)
    assert "Lgamma" not in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(InputError, match=r"pip install 'tf-twostage\[onnx\]'"):
        export_onnx(varied_models.build("gan"), tmp_path)
    assert list(tmp_path.iterdir()) == []
