"""The plain way (a): both stages as a TensorFlow graph, run step by step in a v1 Session.

This is how a TensorFlow 1 program trains. It builds a graph once. Then a Python loop feeds a NumPy
batch, runs the update with TensorFlow's own fused Adam, and fetches the loss and the summaries.
Networks, loss and weight decay follow the `paper` recipe. They are written a second time, in
`tf.nn` and `tf.compat.v1` only, so that nothing of tf_twostage is in here.
"""

import math

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
KAPPA = 64
WIDTH = 1024
WEIGHT_DECAY = 5e-4
BATCH_NORM_DECAY = 0.999


def _kernel(name: str, shape: tuple[int, ...], stddev: float = 0.02):
    initializer = v1.random_normal_initializer(stddev=stddev)
    kernel = v1.get_variable(name, shape, initializer=initializer)
    v1.add_to_collection("decayed", kernel)
    return kernel


def _bias(name: str, size: int):
    return v1.get_variable(name, (size,), initializer=v1.zeros_initializer())


def _spectral(kernel):
    """The kernel over its largest singular value, by one step of power iteration."""
    matrix = tf.reshape(kernel, (-1, kernel.shape[-1]))
    fixed = tf.stop_gradient(matrix)
    initializer = v1.random_normal_initializer()
    shape = (matrix.shape[0], 1)
    u = v1.get_variable(f"{kernel.op.name}_u", shape, initializer=initializer, trainable=False)
    v = tf.nn.l2_normalize(tf.matmul(fixed, u, transpose_a=True))
    new_u = tf.nn.l2_normalize(tf.matmul(fixed, v))
    v1.add_to_collection("updates", u.assign(new_u))
    return kernel / tf.reduce_sum(new_u * tf.matmul(matrix, v))


def _dense(x, units: int, name: str, spectral: bool = False, stddev: float = 0.02):
    kernel = _kernel(f"{name}_w", (int(x.shape[-1]), units), stddev)
    kernel = _spectral(kernel) if spectral else kernel
    return tf.nn.bias_add(tf.matmul(x, kernel), _bias(f"{name}_b", units))


def _conv(x, filters: int, name: str):
    kernel = _spectral(_kernel(f"{name}_w", (4, 4, int(x.shape[-1]), filters)))
    y = tf.nn.conv2d(x, kernel, 2, "SAME")
    return tf.nn.bias_add(y, _bias(f"{name}_b", filters))


def _deconv(x, filters: int, name: str):
    batch, height, width, channels = x.shape.as_list()
    kernel = _kernel(f"{name}_w", (4, 4, filters, channels))
    shape = (batch, 2 * height, 2 * width, filters)
    y = tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME")
    return tf.nn.bias_add(y, _bias(f"{name}_b", filters))


def _norm(x, name: str, training: bool = True):
    """TensorFlow's fused batch norm with moving averages, also of [B, C]."""
    size = int(x.shape[-1])
    scale = v1.get_variable(f"{name}_g", (size,), initializer=v1.ones_initializer())
    image = x if len(x.shape) == 4 else x[:, None, None, :]
    moving = [
        v1.get_variable(f"{name}_{kind}", (size,), trainable=False) for kind in ("mean", "variance")
    ]
    values = (image, scale, _bias(f"{name}_o", size))
    if not training:
        y, *_ = v1.nn.fused_batch_norm(*values, *moving, epsilon=1e-5, is_training=False)
        return tf.reshape(y, x.shape)
    y, *moments = v1.nn.fused_batch_norm(*values, epsilon=1e-5)
    for average, moment in zip(moving, moments, strict=True):
        step = (1 - BATCH_NORM_DECAY) * (average - moment)
        v1.add_to_collection("updates", average.assign_sub(step))
    return tf.reshape(y, x.shape)


def _image_encoder(x):
    y = tf.nn.leaky_relu(_conv(x, 64, "e1"), 0.2)
    y = tf.nn.leaky_relu(_norm(_conv(y, 128, "e2"), "en2"), 0.2)
    y = tf.reshape(y, (x.shape[0], -1))
    y = tf.nn.leaky_relu(_norm(_dense(y, 1024, "e3", spectral=True), "en3"), 0.2)
    mean, raw = tf.split(_dense(y, 2 * KAPPA, "e4", spectral=True), 2, axis=-1)
    return mean, 1e-6 + tf.nn.softplus(raw)


def _image_decoder(z, shape, training: bool = True):
    batch, height, width, channels = shape
    y = tf.nn.relu(_norm(_dense(z, 1024, "d1"), "dn1", training))
    y = tf.nn.relu(_norm(_dense(y, 128 * (height // 4) * (width // 4), "d2"), "dn2", training))
    y = tf.reshape(y, (batch, height // 4, width // 4, 128))
    y = tf.nn.relu(_norm(_deconv(y, 64, "d3"), "dn3", training))
    return tf.nn.sigmoid(_deconv(y, channels, "d4"))


def _hidden(x, name: str):
    y = x
    for layer in range(3):
        stddev = math.sqrt(2 / (int(y.shape[-1]) + WIDTH))
        y = tf.nn.relu(_dense(y, WIDTH, f"{name}{layer}", stddev=stddev))
    return tf.concat([x, y], axis=-1)  # the skip


def _latent_encoder(x):
    y = _hidden(x, "e")
    return _dense(y, KAPPA, "mean"), tf.exp(_dense(y, KAPPA, "log_stddev"))


def _latent_decoder(u, shape):
    return _dense(_hidden(u, "d"), shape[-1], "out")


NETWORKS = {1: (_image_encoder, _image_decoder), 2: (_latent_encoder, _latent_decoder)}


class PlainGraph:
    """One stage as a graph in a session.

    Args:
      stage: 1 or 2.
      shape: of a batch, (B, H, W, C) or (B, kappa).
    """

    def __init__(self, stage: int, shape: tuple[int, ...]):
        self.graph = tf.Graph()
        with self.graph.as_default():
            v1.set_random_seed(0)
            self._build(stage, shape)
            self.session = v1.Session()
            self.session.run(v1.global_variables_initializer())

    def _build(self, stage, shape) -> None:
        encoder, decoder = NETWORKS[stage]
        self.x = v1.placeholder(tf.float32, shape)
        mean, stddev = encoder(self.x)
        self.z = mean + stddev * tf.random.normal(mean.shape)
        self.x_hat = decoder(self.z, shape)
        self.log_gamma = v1.get_variable("log_gamma", (), initializer=v1.zeros_initializer())
        self._loss(mean, stddev)
        adam = v1.train.AdamOptimizer(1e-4)
        with tf.control_dependencies(v1.get_collection("updates")):
            self.update = adam.minimize(self.loss)
        self.summaries = v1.summary.merge_all()

    def _loss(self, mean, stddev) -> None:
        kl = tf.reduce_sum(mean**2 + stddev**2 - 2 * tf.math.log(stddev) - 1) / 2
        squares = ((self.x - self.x_hat) / tf.exp(self.log_gamma)) ** 2 / 2
        nats = tf.reduce_sum(squares + self.log_gamma + math.log(2 * math.pi) / 2)
        batch = int(self.x.shape[0])
        decay = tf.add_n([tf.nn.l2_loss(kernel) for kernel in v1.get_collection("decayed")])
        self.loss = (kl + nats) / batch + WEIGHT_DECAY * decay
        terms = {"kl": kl / batch, "reconstruction": nats / batch, "gamma": tf.exp(self.log_gamma)}
        for name, value in terms.items():
            v1.summary.scalar(name, value)

    def step(self, batch: np.ndarray) -> float:
        """Updates the weights on a float32 batch [B, ...]; returns the loss."""
        fetches = (self.update, self.loss, self.summaries)
        return self.session.run(fetches, {self.x: batch})[1]


class PlainSampler:
    """Samples with both stages: one run of the session takes u to z, another takes z to images.

    Args:
      shape: of a batch, (B, H, W, C).
    """

    def __init__(self, shape: tuple[int, ...]):
        self.graph = tf.Graph()
        with self.graph.as_default():
            v1.set_random_seed(0)
            self.u, self.z = (v1.placeholder(tf.float32, (shape[0], KAPPA)) for _ in range(2))
            with v1.variable_scope("second"):
                self.z_hat = _latent_decoder(self.u, (shape[0], KAPPA))
            self.x_hat = _image_decoder(self.z, shape, training=False)
            self.session = v1.Session()
            self.session.run(v1.global_variables_initializer())

    def sample(self, u: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Draws images, float32 [B, H, W, C].

        Args:
          u: float32 [B, kappa].
          noise: of the second stage's decoder, float32 [B, kappa].
        """
        z = self.session.run(self.z_hat, {self.u: u}) + noise
        return self.session.run(self.x_hat, {self.z: z})
