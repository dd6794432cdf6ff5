"use strict";
// Decodes latents in the browser, and draws the image that sliders and buttons ask for.
// Its data stand in #live-data; live_decoder.py writes both.

const LiveDecoder = (() => {
  function bytes(text) {
    const letters = atob(text);
    const found = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) found[i] = letters.charCodeAt(i);
    return found.buffer;
  }

  const floats = (text) => new Float32Array(bytes(text));

  function unpacked(layer) {
    const kernel = new Int8Array(bytes(layer.kernel));
    return { ...layer, kernel, scale: floats(layer.scale), bias: floats(layer.bias) };
  }

  // x [m] times kernel [m, n].
  function dense(x, { kernel, shape: [m, n] }) {
    const y = new Float32Array(n);
    for (let i = 0; i < m; i++) {
      if (x[i] === 0) continue; // after a ReLU that is often so
      for (let o = 0, k = i * n; o < n; o++, k++) y[o] += x[i] * kernel[k];
    }
    return y;
  }

  // x [H, W, m] with kernel [k, k, n, m]: each pixel adds a patch of k x k pixels to the result,
  // which is cut to [stride H, stride W, n] evenly on all sides.
  function deconvolution(x, { kernel, shape: [k, , n, m], stride, size: [H, W] }) {
    const [height, width, cut] = [stride * H, stride * W, (k - stride) >> 1];
    const y = new Float32Array(height * width * n);
    for (let pixel = 0; pixel < H * W; pixel++) {
      const top = stride * Math.floor(pixel / W) - cut;
      const left = stride * (pixel % W) - cut;
      for (let tap = 0; tap < k * k; tap++) {
        const [row, column] = [top + Math.floor(tap / k), left + (tap % k)];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        for (let o = 0; o < n; o++) {
          let sum = 0;
          const start = (tap * n + o) * m;
          for (let i = 0; i < m; i++) sum += x[pixel * m + i] * kernel[start + i];
          y[(row * width + column) * n + o] += sum;
        }
      }
    }
    return y;
  }

  function activated(y, { scale, bias, slope }) {
    const n = bias.length;
    return y.map((value, i) => {
      const v = value * scale[i % n] + bias[i % n];
      return v > 0 ? v : slope * v;
    });
  }

  // Latents z [kappa] -> an image [H, W, C] in 0..1.
  function decode(layers, z) {
    let x = z;
    for (const layer of layers) {
      x = activated(layer.stride ? deconvolution(x, layer) : dense(x, layer), layer);
    }
    return x.map((v) => 1 / (1 + Math.exp(-v)));
  }

  function paint(canvas, image, [height, width, channels]) {
    const pixels = new ImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < 3; c++) {
        pixels.data[4 * i + c] = Math.round(255 * image[i * channels + (c % channels)]);
      }
      pixels.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  function element(parent, tag, values) {
    return parent.appendChild(Object.assign(document.createElement(tag), values));
  }

  function start(place, data) {
    const layers = data.layers.map(unpacked);
    const z = new Float32Array(data.order.length);
    const [height, width] = data.image_shape;
    const shown = element(place, "div", { className: "shown" });
    const canvas = element(shown, "canvas", { height, width });
    const sliders = element(place, "div", { className: "sliders" });
    const limit = data.limit;
    const inputs = data.order.map((dimension, rank) => {
      const label = element(sliders, "label", { textContent: data.labels[rank] });
      const range = { type: "range", min: -limit, max: limit, step: 0.01, value: 0 };
      const input = element(label, "input", range);
      input.oninput = () => {
        z[dimension] = Number(input.value);
        show();
      };
      return input;
    });

    function show() {
      paint(canvas, decode(layers, z), data.image_shape);
    }

    function moveTo(latents) {
      z.set(latents);
      data.order.forEach((dimension, rank) => (inputs[rank].value = z[dimension]));
      show();
    }

    for (const { name, latents } of data.draws) {
      const [values, kappa] = [floats(latents), z.length];
      let next = 0;
      element(shown, "button", { textContent: name }).onclick = () => {
        moveTo(values.subarray(next, next + kappa));
        next = (next + kappa) % values.length;
      };
    }
    element(shown, "button", { textContent: "all at 0" }).onclick = () => moveTo(z.map(() => 0));
    shown.querySelector("button").click();
  }

  return { decode, unpacked, start };
})();

LiveDecoder.start(
  document.getElementById("live"),
  JSON.parse(document.getElementById("live-data").textContent),
);
