"""From slimmed ONNX files to what boothd loads.

usage: quantize.py CATALOG.toml SLIM FLOAT QUANTIZED (folders)

1. Outputs that the catalog does not name go, and with them what only they need. A batch of unknown
   size becomes 1.
2. The nodes are put in the order in which the outputs need them, inner names become numbers,
   shape notes go: tf2onnx orders and numbers by way of sets, and the files of two runs would
   differ by that alone. -> FLOAT/NAME.onnx
3. The weights of convolutions, matrix products and LSTMs become int8, symmetric, one scale
   for each output channel, each behind a DequantizeLinear. -> QUANTIZED/NAME.w8.onnx

PRelu stays one node: src/inference/plan/ runs it with the convolution before it. (Written out for an engine
without that, it is x + (slope - 1) * min(x, 0); max(x, slope * x) is wrong here, since some
slopes are above 1.)

See docs/design/decisions/0002-quantization.md for why the activations stay float.
"""

import pathlib
import sys
import tomllib

import numpy as np
import onnx
from onnx import helper, numpy_helper

SMALLEST = 512  # values; a smaller tensor would gain nothing and lose precision
# Stay float: silero's first layers see magnitudes of a wide range, and int8 there moves the
# probability by up to 0.3; without these it is 0.03, and the file still halves. The first kernels of
# the expression network sum to 0, and rounded to int8 they would let the brightness through.
KEEP_FLOAT = ("stft.forward_basis_buffer", "encoder.0.", "encoder.2.", "expression.stem.")
# Which inputs of an operator are weights, and the axis of their output channels.
WEIGHT_AXIS = {"Conv": {1: 0}, "Gemm": {1: -1}, "MatMul": {1: -1}, "LSTM": {1: 1, 2: 1}}


def keep_outputs(graph, names):
    by_name = {output.name: output for output in graph.output}
    del graph.output[:]
    graph.output.extend(by_name[name] for name in names)


def fix_batch(model):
    for value in [*model.graph.input, *model.graph.output]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param.startswith("unk"):
                dim.ClearField("dim_param")
                dim.dim_value = 1


def order_nodes(graph):
    """Depth first from the outputs, each node after what it reads; attributes by name."""
    producer = {name: node for node in graph.node for name in node.output}
    placed, ordered = set(), []
    stack = [output.name for output in reversed(graph.output)]
    while stack:
        node = producer.get(stack[-1])
        waiting = [] if node is None else [n for n in node.input if n not in placed]
        if waiting:
            stack += reversed(waiting)
            continue
        name = stack.pop()
        if node is not None and name not in placed:
            placed.update(node.output)
            node.attribute.sort(key=lambda attribute: attribute.name)
            ordered.append(node)
        placed.add(name)
    del graph.node[:]
    graph.node.extend(ordered)


def number_names(model):
    """Renames what lies between the inputs and the outputs; sorts the constants by use.

    Returns new name -> old name.
    """
    graph = model.graph
    del graph.value_info[:]
    kept = {value.name for value in [*graph.input, *graph.output]}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    renamed, used, count = {"": ""}, [], {}

    def rename(name, stem):
        if name in kept:
            return name
        if name not in renamed:
            count[stem] = count.get(stem, -1) + 1
            renamed[name] = f"{stem}_{count[stem]}"
            if name in constants:
                constants[name].name = renamed[name]
                used.append(constants[name])
        return renamed[name]

    for number, node in enumerate(graph.node):
        node.name, node.doc_string = f"node_{number}", ""
        node.input[:] = [rename(name, "const") for name in node.input]
        node.output[:] = [rename(name, node.op_type.lower()) for name in node.output]
    used = [numpy_helper.from_array(numpy_helper.to_array(t), t.name) for t in used]
    del graph.initializer[:]
    graph.initializer.extend(used)
    graph.name = "boothd"
    return {new: old for old, new in renamed.items()}


def output_axis(node, position):
    axis = WEIGHT_AXIS[node.op_type][position]
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if node.op_type == "Gemm" and transposed else axis


def weights_of(graph, origins):
    """Tensor name -> axis of its output channels, for every weight worth quantizing."""
    found = {}
    for node in graph.node:
        for position in WEIGHT_AXIS.get(node.op_type, {}):
            name = node.input[position]
            if not any(kept in origins.get(name, "") for kept in KEEP_FLOAT):
                found[name] = output_axis(node, position)
    return found


def quantize_weights(model, origins):
    graph, axes = model.graph, weights_of(model.graph, origins)
    dequantize = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.name not in axes or values.dtype != np.float32 or values.size <= SMALLEST:
            continue
        name, axis = tensor.name, axes[tensor.name] % values.ndim
        others = tuple(k for k in range(values.ndim) if k != axis)
        scale = (np.abs(values).max(others) / 127).astype(np.float32)
        scale[scale == 0] = 1
        shape = [-1 if k == axis else 1 for k in range(values.ndim)]
        steps = np.clip(np.round(values / scale.reshape(shape)), -127, 127).astype(np.int8)
        graph.initializer.remove(tensor)
        graph.initializer.extend([
            numpy_helper.from_array(steps, name + "_q"),
            numpy_helper.from_array(scale, name + "_s"),
            numpy_helper.from_array(np.zeros(len(scale), np.int8), name + "_z"),
        ])
        inputs = [name + "_q", name + "_s", name + "_z"]
        dequantize.append(
            helper.make_node("DequantizeLinear", inputs, [name], axis=axis, name=name + "_dq")
        )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(dequantize + nodes)
    return len(dequantize)


def main(catalog, slim, floats, quantized):
    entries = tomllib.loads(catalog.read_text()).values()
    outputs = {entry["file"]: entry["outputs"] for entry in entries}
    for source in sorted(slim.glob("*.onnx")):
        model = onnx.load(source)
        target = quantized / f"{source.stem}.w8.onnx"
        keep_outputs(model.graph, outputs[target.name])
        fix_batch(model)
        order_nodes(model.graph)
        origins = number_names(model)
        onnx.checker.check_model(model)
        onnx.save(model, floats / source.name)
        count = quantize_weights(model, origins)
        onnx.checker.check_model(model)
        onnx.save(model, target)
        sizes = f"{(floats / source.name).stat().st_size} -> {target.stat().st_size} bytes"
        print(f"{source.stem:26} {count:3} tensors, {sizes}")


if __name__ == "__main__":
    main(*(pathlib.Path(argument) for argument in sys.argv[1:]))
