"""What ONNX Runtime computes, for the tests of boothd's own kernels (src/inference/plan).

usage: golden_models.py MODELS OUT      (folders; OUT is tests/data/kernels)

For each model that models/catalog.toml names, OUT/FILE.f32 gets a sample of its outputs, at most
256 values of each, little-endian, in the catalog's order. The inputs are the same numbers that
src/inference/plan/tests.rs makes. Small models that tract must run are made, too: OUT/FALLBACK.onnx.

Needs numpy, onnx and onnxruntime.
"""

import pathlib
import sys
import tomllib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SAMPLE = 256
# The sequence model stays on tract, which its own tests hold to numbers.
WITHOUT = ("voice_activity",)


def numbers(count, seed):
    """From 0 to 1, without a pattern that a wrong place could repeat."""
    index = np.arange(count, dtype=np.uint32) + np.uint32(seed * 7919 + 1)
    return ((index * np.uint32(2654435761)) >> np.uint32(8) & np.uint32(0xFFFF)) / np.float32(65536)


def sample(values):
    values = np.ascontiguousarray(values, "<f4").ravel()
    return values[:: -(-len(values) // SAMPLE)]


def run(path, shapes, outputs):
    options = onnxruntime.SessionOptions()
    # Else a DequantizeLinear before a Gemm quantizes activations (decisions/0002-quantization.md).
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {
        given.name: numbers(int(np.prod(shape)), seed).astype(np.float32).reshape(shape)
        for seed, (given, shape) in enumerate(zip(session.get_inputs(), shapes, strict=True))
    }
    return session.run(outputs or None, feeds)


def write(path, shapes, outputs, out):
    found = b"".join(sample(values).tobytes() for values in run(path, shapes, outputs))
    (out / f"{path.name}.f32").write_bytes(found)
    print(f"{path.name}: {len(found)} bytes")


def fallback_models():
    """One operator each that no kernel computes."""
    conv = {"kernel_shape": [3, 3], "pads": [2, 2, 2, 2]}
    yield "sigmoid", 4, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, "Sigmoid"
    yield "dilated", 4, conv | {"dilations": [2, 2]}, "Relu"
    yield "grouped", 4, conv | {"group": 2}, "Relu"


def make(name, channels, attributes, activation, out):
    inputs = channels // attributes.get("group", 1)
    weights = (numbers(channels * inputs * 9, 3) - 0.5).astype(np.float32)
    weights = weights.reshape(channels, inputs, 3, 3)
    nodes = [
        helper.make_node("Conv", ["input", "weights"], ["sum"], **attributes),
        helper.make_node(activation, ["sum"], ["output"]),
    ]
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    shape = [1, channels, 7, 5]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    constants = [numpy_helper.from_array(weights, "weights")]
    graph = helper.make_graph(nodes, "boothd", [given], [value("output")], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = out / f"{name}.onnx"
    onnx.save(model, path)
    write(path, [shape], [], out)


def main(models, out):
    for name, entry in tomllib.loads((models / "catalog.toml").read_text()).items():
        if name in WITHOUT:
            continue
        shapes = entry.get("inputs")
        if shapes is None:
            picture = entry["picture"]
            size, channels = picture["size_px"], 1 if picture.get("colour") == "grey" else 3
            shapes = [[1, channels, size, size]]
        write(models / entry["file"], shapes, entry.get("outputs", []), out)
    for parts in fallback_models():
        make(*parts, out)


if __name__ == "__main__":
    main(*(pathlib.Path(argument) for argument in sys.argv[1:]))
