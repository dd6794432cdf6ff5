"""What TensorFlow Serving does with a SavedModel and its requests, in Python.

Written from the server's documentation, as the server itself is no Python package.
"""

import base64
import contextlib
import http.server
import json
import threading
from concurrent import futures

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1


class Served:
    """A SavedModel in a session: tensors go in and come out by the names of the graph.

    Attributes:
      signatures: each SignatureDef by its name.
    """

    def __init__(self, path):
        self._session = tf1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded = tf1.saved_model.load(self._session, ["serve"], str(path))
        hidden = "__saved_model_init_op"
        self.signatures = {k: v for k, v in loaded.signature_def.items() if k != hidden}

    def run(self, name, inputs):
        """The outputs of a signature, by their names, for arrays by the names of its inputs."""
        signature = self.signatures[name]
        fetches = {output: info.name for output, info in signature.outputs.items()}
        feeds = {signature.inputs[key].name: value for key, value in inputs.items()}
        return self._session.run(fetches, feeds)

    def close(self):
        self._session.close()


def check(inputs, signature):
    """Whether tensors, by their names, are what a signature takes: names, dtypes, shapes."""
    assert set(inputs) == set(signature.inputs)
    for name, proto in inputs.items():
        info = signature.inputs[name]
        assert proto.dtype == info.dtype, name
        shape = tf.TensorShape(proto.tensor_shape)
        assert shape.is_compatible_with(tf.TensorShape(info.tensor_shape)), name


def tensors_of(body, signature):
    """The tensors of a REST request: all together in `inputs`, or row by row in `instances`."""
    values = body.get("inputs")
    if values is None:
        rows = body["instances"]
        (only, *others) = signature.inputs
        named = bool(others) or isinstance(rows[0], dict)
        names = signature.inputs if named else [only]
        values = {name: [row[name] if named else row for row in rows] for name in names}
    return {
        name: tf.make_tensor_proto(value, tf.as_dtype(signature.inputs[name].dtype))
        for name, value in values.items()
    }


def answer_to(body, outputs):
    """The REST response: of a single output the value alone; strings `..._bytes` in base64."""
    values = {name: _as_json(name, value) for name, value in outputs.items()}
    if len(values) == 1:
        (found,) = values.values()
    elif "inputs" in body:
        found = values
    else:
        rows = zip(*values.values(), strict=True)
        found = [dict(zip(values, row, strict=True)) for row in rows]
    return {"outputs" if "inputs" in body else "predictions": found}


def _as_json(name, value):
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(item).decode()} for item in value]
    return value.tolist()


@contextlib.contextmanager
def rest_server(served):
    """A server of `POST /v1/models/NAME:predict` on this machine; gives its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/models/twostage:predict"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = body.get("signature_name", "serving_default")
            inputs = tensors_of(body, served.signatures[name])
            check(inputs, served.signatures[name])
            arrays = {key: tf.make_ndarray(proto) for key, proto in inputs.items()}
            answer = json.dumps(answer_to(body, served.run(name, arrays))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def grpc_server(served):
    """A server of `PredictionService.Predict` on this machine; gives its port."""
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            del context
            name = request.model_spec.signature_name or "serving_default"
            check(request.inputs, served.signatures[name])
            arrays = {key: tf.make_ndarray(proto) for key, proto in request.inputs.items()}
            response = predict_pb2.PredictResponse(model_spec=request.model_spec)
            for key, value in served.run(name, arrays).items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(np.asarray(value)))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()
