"""Rebuilds face-api's expression network as ONNX.

npm @vladmandic/face-api ships weights without a graph: this is its FaceExpressionNet (a
DenseNet of four blocks with separable convolutions, TensorFlow "same" padding) written out.

usage: rebuild_faceapi.py <folder with face_expression_model*> OUT.onnx
input  "input" [1, 3, 112, 112] float32, RGB 0..255
output "prob"  [1, 7]: neutral, happy, sad, angry, fear, disgust, surprise
"""

import json
import math
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEAN_RGB = [122.782, 117.001, 104.298]  # subtracted by face-api before the division by 255
INPUT_PX = 112


def read_weights(folder):
    """Name -> float32 array; the file holds uint8 with a scale and a minimum for each."""
    manifest = json.loads(
        (folder / "face_expression_model-weights_manifest.json").read_text()
    )[0]
    blob = b"".join((folder / path).read_bytes() for path in manifest["paths"])
    weights, offset = {}, 0
    for entry in manifest["weights"]:
        count = math.prod(entry["shape"])
        scaling = entry.get("quantization")
        if scaling:
            stored = np.frombuffer(blob, np.uint8, count, offset)
            values = stored.astype(np.float32) * scaling["scale"] + scaling["min"]
        else:
            values = np.frombuffer(blob, "<f4", count, offset)
        offset += count * (1 if scaling else 4)
        weights[entry["name"]] = values.reshape(entry["shape"]).astype(np.float32)
    if offset != len(blob):
        raise SystemExit(f"the manifest describes {offset} bytes, the file has {len(blob)}")
    return weights


class Graph:
    """Nodes and constants, added in order."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], []

    def constant(self, name, values):
        values = np.ascontiguousarray(values, np.float32)
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def add(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def separable(self, x, path, size, stride, name):
        """3x3 depthwise, then 1x1; returns the node and the new side."""
        depthwise = self.weights[path + "/depthwise_filter"]
        pointwise = self.weights[path + "/pointwise_filter"]
        pads, size = same_padding(size, stride)
        x = self.add(
            "Conv",
            [x, self.constant(name + "_dw", depthwise.transpose(2, 3, 0, 1))],
            name + "_d",
            group=depthwise.shape[2],
            strides=[stride] * 2,
            pads=pads,
            kernel_shape=[3, 3],
        )
        kernel = self.constant(name + "_pw", pointwise.transpose(3, 2, 0, 1))
        bias = self.constant(name + "_b", self.weights[path + "/bias"])
        return self.add("Conv", [x, kernel, bias], name, kernel_shape=[1, 1]), size

    def first_convolution(self, x, size):
        pads, size = same_padding(size, 2)
        kernel = self.weights["dense0/conv0/filters"].transpose(3, 2, 0, 1)
        inputs = [
            x,
            self.constant("c0w", kernel),
            self.constant("c0b", self.weights["dense0/conv0/bias"]),
        ]
        x = self.add("Conv", inputs, "c0", strides=[2, 2], pads=pads, kernel_shape=[3, 3])
        return x, size

    def dense_block(self, x, size, block):
        path = f"dense{block}"
        if block == 0:
            x, size = self.first_convolution(x, size)
        else:
            x, size = self.separable(x, path + "/conv0", size, 2, f"b{block}c0")
        total = shown = self.add("Relu", [x], f"b{block}o1")
        # Each convolution sees the rectified sum of all before it; the first sum is rectified.
        for step, after in ((1, "i3"), (2, "i4"), (3, "out")):
            new, _ = self.separable(shown, f"{path}/conv{step}", size, 1, f"b{block}c{step}")
            total = self.add("Add", [total, new], f"b{block}s{step + 1}")
            shown = self.add("Relu", [total], f"b{block}{after}")
        return shown, size


def same_padding(size, stride, kernel=3):
    """TensorFlow's "same": (onnx pads, output side)."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    before = total // 2
    return [before, before, total - before, total - before], out


def build(weights):
    graph, size = Graph(weights), INPUT_PX
    mean = np.array(MEAN_RGB).reshape(1, 3, 1, 1)
    x = graph.add("Sub", ["input", graph.constant("mean", mean)], "sub")
    x = graph.add("Mul", [x, graph.constant("inv255", np.array(1 / 255))], "norm")
    for block in range(4):
        x, size = graph.dense_block(x, size, block)
    x = graph.add("AveragePool", [x], "pool", kernel_shape=[size, size], strides=[2, 2])
    x = graph.add("Flatten", [x], "flat", axis=1)
    head = [
        graph.constant("fcw", weights["fc/weights"]),
        graph.constant("fcb", weights["fc/bias"]),
    ]
    x = graph.add("Gemm", [x, *head], "logits")
    graph.add("Softmax", [x], "prob", axis=1)
    image = helper.make_tensor_value_info(
        "input", TensorProto.FLOAT, [1, 3, INPUT_PX, INPUT_PX]
    )
    probabilities = helper.make_tensor_value_info("prob", TensorProto.FLOAT, [1, 7])
    made = helper.make_graph(
        graph.nodes, "face_expression", [image], [probabilities], graph.constants
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


if __name__ == "__main__":
    model = build(read_weights(pathlib.Path(sys.argv[1])))
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[2])
