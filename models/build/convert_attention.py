"""MediaPipe's face_landmark_with_attention.tflite -> plain ONNX models (NCHW, float32).

usage: convert_attention.py MODEL.tflite FOLDER

The file holds a backbone and small heads (each eye, the lips) that read a warped 16x16 window of the backbone's
48x48x32 feature map. The warp is made of custom TFLite operators, which no converter knows, so the graph
is cut there and boothd does the warp (src/vision/refinement.rs):

  face_attention.onnx  picture 1x3x192x192 (RGB 0..1) -> mesh 1x1404 (468 x, y, z in pixels of the
                       input), presence 1x1 (logit), features 1x32x48x48
  left_eye.onnx, right_eye.onnx
                       window 1x32x16x16 -> contour 1x142 (71 x, y), iris 1x10 (5 x, y), four units to
                       a pixel of the window; left and right as the picture shows them
  lips.onnx            window 1x32x16x16 -> contour 1x160 (80 x, y)
"""

import pathlib
import sys

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

ADD, CONV, DEPTHWISE, DEQUANTIZE = 0, 3, 4, 6
MAX_POOL, RESHAPE, PAD, SLICE, PRELU = 17, 22, 34, 45, 54

# Name -> (input tensors, output tensors), by their numbers in the TFLite file.
PARTS = {
    "face_attention": ({0: "picture"}, {186: "mesh", 710: "presence", 35: "features"}),
    "left_eye": ({200: "window"}, {687: "contour", 690: "iris"}),
    "right_eye": ({201: "window"}, {693: "contour", 696: "iris"}),
    "lips": ({199: "window"}, {684: "contour"}),
}


class Source:
    """The TFLite graph: which operator makes a tensor, shapes, constants."""

    def __init__(self, path):
        self.model = tflite.Model.GetRootAsModel(pathlib.Path(path).read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.producer = {}
        for number in range(self.graph.OperatorsLength()):
            for tensor in self.graph.Operators(number).OutputsAsNumpy():
                self.producer[int(tensor)] = number

    def code(self, number):
        code = self.model.OperatorCodes(self.graph.Operators(number).OpcodeIndex())
        return max(code.BuiltinCode(), code.DeprecatedBuiltinCode())

    def inputs(self, number):
        return [int(tensor) for tensor in self.graph.Operators(number).InputsAsNumpy()]

    def options(self, number, kind):
        options = kind()
        table = self.graph.Operators(number).BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def shape(self, tensor):
        tensor = self.graph.Tensors(tensor)
        return tensor.ShapeAsNumpy().tolist() if tensor.ShapeLength() else []

    def constant(self, tensor):
        """Its values (half floats behind DEQUANTIZE, too), or None where it is computed."""
        if tensor in self.producer:
            number = self.producer[tensor]
            is_half = self.code(number) == DEQUANTIZE
            return self.constant(self.inputs(number)[0]) if is_half else None
        entry = self.graph.Tensors(tensor)
        buffer = self.model.Buffers(entry.Buffer())
        if not buffer.DataLength():
            return None
        kind = {0: np.float32, 1: np.float16, 2: np.int32}[entry.Type()]
        values = buffer.DataAsNumpy().view(kind).reshape(self.shape(tensor))
        return values.astype(np.float32) if kind == np.float16 else values


def padding(size, kernel, stride, is_same):
    """Zeros before and after one axis, as TensorFlow counts them."""
    if not is_same:
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Export:
    """One part of the graph, from the wanted outputs back to the given inputs."""

    def __init__(self, source, inputs, outputs):
        self.source, self.outputs, self.done = source, outputs, dict(inputs)
        self.nodes, self.initializers = [], []

    def constant(self, values, hint):
        name = f"{hint}_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def emit(self, tensor):
        """The ONNX name of a tensor; makes the nodes that it needs."""
        if tensor not in self.done:
            label = self.outputs.get(tensor) or f"t{tensor}"
            self.make_node(self.source.producer[tensor], label)
            self.done[tensor] = label
        return self.done[tensor]

    def make_node(self, number, label):
        source, code = self.source, self.source.code(number)
        inputs = source.inputs(number)
        names, attributes = [self.emit(inputs[0])], {}
        if code in (CONV, DEPTHWISE):
            kind = "Conv"
            attributes = self.convolution(number, code, names)
        elif code == ADD:
            assert source.options(number, tflite.AddOptions).FusedActivationFunction() == 0
            kind = "Add"
            names.append(self.emit(inputs[1]))
        elif code == PRELU:
            kind = "PRelu"
            names.append(self.constant(source.constant(inputs[1]).reshape(-1, 1, 1), "slope"))
        elif code == MAX_POOL:
            o = source.options(number, tflite.Pool2DOptions)
            assert (o.FilterHeight(), o.FilterWidth(), o.StrideH(), o.StrideW()) == (2, 2, 2, 2)
            kind, attributes = "MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}
        elif code == PAD:
            kind = "Pad"
            amounts = source.constant(inputs[1])[[0, 3, 1, 2]]  # NHWC -> NCHW; before, after
            names.append(self.constant(amounts.T.reshape(-1).astype(np.int64), "pads"))
        elif code in (RESHAPE, SLICE):  # of a 1x1 map only
            kind = "Flatten"
        else:
            raise ValueError(f"operator {code} at {number}")
        self.nodes.append(helper.make_node(kind, names, [label], **attributes))

    def convolution(self, number, code, names):
        """Adds weights and bias to `names`; gives the attributes."""
        source = self.source
        picture, weights, bias = source.inputs(number)
        is_plain = code == CONV
        kind = tflite.Conv2DOptions if is_plain else tflite.DepthwiseConv2DOptions
        options = source.options(number, kind)
        assert options.FusedActivationFunction() == 0
        _, *sizes, channels = source.shape(picture)
        weights = source.constant(weights).transpose((0, 3, 1, 2) if is_plain else (3, 0, 1, 2))
        names += [self.constant(weights, "weights"), self.constant(source.constant(bias), "bias")]
        kernel, strides = weights.shape[2:], [options.StrideH(), options.StrideW()]
        ends = [
            padding(size, width, stride, options.Padding() == 0)
            for size, width, stride in zip(sizes, kernel, strides)
        ]
        (top, bottom), (left, right) = ends
        return {
            "kernel_shape": list(kernel), "strides": strides, "group": 1 if is_plain else channels,
            "pads": [top, left, bottom, right],
        }


def channels_first(shape):
    return [shape[0], shape[3], *shape[1:3]]


def export(source, name, folder):
    inputs, outputs = PARTS[name]
    part = Export(source, inputs, outputs)
    for tensor in outputs:
        part.emit(tensor)
    info = lambda label, shape: helper.make_tensor_value_info(label, TensorProto.FLOAT, shape)
    entering = [info(label, channels_first(source.shape(t))) for t, label in inputs.items()]
    last = {node.output[0]: node.op_type for node in part.nodes}
    flat = lambda shape: [1, int(np.prod(shape))]
    leaving = [
        info(label, (flat if last[label] == "Flatten" else channels_first)(source.shape(tensor)))
        for tensor, label in outputs.items()
    ]
    graph = helper.make_graph(part.nodes, name, entering, leaving, part.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / f"{name}.onnx")


if __name__ == "__main__":
    for part_name in PARTS:
        export(Source(sys.argv[1]), part_name, pathlib.Path(sys.argv[2]))
