"""From a checkpoint of train_expression.py to expression.onnx, and the numbers for the catalog.

usage: export_expression.py CHECKPOINT.pt [CHECKPOINT.pt ...] --data FACES.npz --out SLIM [--tau 0.45]
       quantize.py ../catalog.toml SLIM FLOAT ..     (writes expression.w8.onnx)

Several checkpoints of one run: their weights are averaged. Batch norm is folded into the convolutions.
The file gives the probabilities as trained. `temperature` and `bias` of the catalog's entry are fitted
on the validation faces, on the mean of both mirror views, which is what boothd reports: bias =
-tau * log(frequency of the label in the training part), which takes a part of that set's mix of labels
out again, then the temperature with the least log loss.
Run on the last checkpoint of that recipe: ONNX Runtime gives what torch does within 1e-6. The shipped file is an earlier one.
Opset 13, fixed shapes, operators: Conv, Relu, Add, AveragePool, Flatten, Gemm, Softmax.
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
import train_expression as recipe
from onnx import TensorProto, helper, numpy_helper

BINS = 10


def load(paths):
    states = [torch.load(path, weights_only=True)["net"] for path in paths]
    mean = {
        key: torch.stack([state[key].double() for state in states]).mean(0).to(value.dtype)
        for key, value in states[0].items()
    }
    net = recipe.Net()
    net.load_state_dict(mean)
    return net.eval()


# ---- the file -------------------------------------------------------------------------------


class Graph:
    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, values):
        values = np.ascontiguousarray(values, np.float32)
        self.constants.append(numpy_helper.from_array(values, f"expression.{name}"))
        return self.constants[-1].name

    def add(self, operator, inputs, output=None, **attributes):
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], f"node_{len(self.nodes)}", **attributes))
        return output

    def unit(self, name, layer, x):
        """A convolution with its batch norm folded in."""
        convolution, norm = layer
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        kernel = convolution.kernel() if isinstance(convolution, recipe.EdgeConv) else convolution.weight
        weight = (kernel * gain.view(-1, 1, 1, 1)).detach().numpy()
        bias = (norm.bias - norm.running_mean * gain).detach().numpy()
        pad = list(convolution.padding)
        return self.add(
            "Conv", [x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)],
            kernel_shape=list(weight.shape[2:]), pads=pad + pad, strides=list(convolution.stride),
        )


def build(net):
    graph = Graph()
    x = graph.add("Relu", [graph.unit("stem", net.stem, "picture")])
    for place, block in enumerate(net.blocks):
        y = x
        for number, layer in enumerate(block.units):
            y = graph.unit(f"block{place}.{number}", layer, y if number == 0 else graph.add("Relu", [y]))
        straight = isinstance(block.short, torch.nn.Identity)
        short = x if straight else graph.unit(f"block{place}.short", block.short, x)
        x = graph.add("Relu", [graph.add("Add", [y, short])])
    size = recipe.SIDE // 8 // recipe.POOLED
    x = graph.add("AveragePool", [x], kernel_shape=[size, size], strides=[size, size])
    x = graph.add("Flatten", [x], axis=1)
    head = [graph.constant(f"head.{k}", getattr(net.head, k).detach().numpy()) for k in ("weight", "bias")]
    x = graph.add("Gemm", [x, *head], transB=1)
    graph.add("Softmax", [x], "probabilities", axis=1)
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    made = helper.make_graph(
        graph.nodes, "expression",
        [value("picture", [1, 1, recipe.SIDE, recipe.SIDE])],
        [value("probabilities", [1, len(recipe.LABELS)])], graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], producer_name="boothd")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def multiplications(net):
    count = [0]

    def add(module, _, output):
        each = module.weight[0].numel() if module.weight.ndim == 4 else module.weight.shape[1]
        count[0] += output.numel() * each

    counted = (m for m in net.modules() if isinstance(m, torch.nn.Conv2d) or m is net.head)
    hooks = [module.register_forward_hook(add) for module in counted]
    with torch.no_grad():
        net(torch.zeros(1, 1, recipe.SIDE, recipe.SIDE))
    for hook in hooks:
        hook.remove()
    return count[0]


# ---- the numbers ----------------------------------------------------------------------------


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def log_softmax(z):
    z = z - z.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def calibration_error(p, labels):
    sure, right = p.max(1), p.argmax(1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return sum(abs(sure[bins == b].sum() - right[bins == b].sum()) for b in range(BINS)) / len(p)


def log_loss(p, labels):
    return float(-np.log(np.maximum(p[np.arange(len(p)), labels], 1e-9)).mean())


def scores(z, labels):
    p, table = softmax(z), np.zeros((len(recipe.LABELS),) * 2, int)
    np.add.at(table, (labels, p.argmax(1)), 1)
    recall = table.diagonal() / table.sum(1)
    return {
        "accuracy": round(float(table.trace() / len(labels)), 4),
        "mean_recall": round(float(recall.mean()), 4),
        "calibration_error": round(float(calibration_error(p, labels)), 4),
        "log_loss": round(log_loss(p, labels), 4),
        "recall": [round(float(r), 3) for r in recall],
        "confusion": table.tolist(),
    }


def fit_temperature(z, labels):
    temperatures = np.geomspace(0.4, 2.5, 185)
    return float(temperatures[int(np.argmin([log_loss(softmax(z / t), labels) for t in temperatures]))])


def run(model, pixels):
    """Log probabilities by ONNX Runtime, one picture at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    x = (pixels.astype(np.float32) - 127.5) / 127.5
    p = np.concatenate([session.run(None, {"picture": picture[None, None]})[0] for picture in x])
    return np.log(np.maximum(p, 1e-9))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tau", type=float, default=0.45)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    net = load(arguments.checkpoints)
    faces = np.load(arguments.data)
    labels = faces["validation_labels"].astype(int)
    frequency = np.bincount(faces["train_labels"], minlength=len(recipe.LABELS)) / len(faces["train_labels"])
    pixels = torch.from_numpy(faces["validation"])
    views = [log_softmax(recipe.judge(net, pixels, mirrored).double().numpy()) for mirrored in (False, True)]
    both = (views[0] + views[1]) / 2
    prior = -arguments.tau * np.log(frequency)
    prior -= prior.mean()
    temperature = fit_temperature(both + prior, labels)
    bias = prior / temperature
    halves = []
    for fitted, held in ((0, 1), (1, 0)):
        t = fit_temperature(both[fitted::2] + prior, labels[fitted::2])
        halves.append(calibration_error(softmax((both[held::2] + prior) / t), labels[held::2]))
    model = build(net)
    onnx.save(model, arguments.out / "expression.onnx")
    some = slice(0, None, 9)
    print(json.dumps({
        "checkpoints": [path.name for path in arguments.checkpoints],
        "tau": arguments.tau, "temperature": round(temperature, 4), "bias": bias.round(3).tolist(),
        "one_view": scores(views[0] / temperature + bias, labels),
        "both_views": scores(both / temperature + bias, labels),
        "both_views_without_bias": scores(both / fit_temperature(both, labels), labels),
        "calibration_error_of_halves": [round(float(h), 4) for h in halves],
        "onnxruntime_against_torch": float(np.abs(
            np.exp(run(model, faces["validation"][some])) - np.exp(views[0][some])).max()),
        "MMACs": multiplications(net) / 1e6,
        "parameters": int(sum(np.prod(t.dims) for t in model.graph.initializer)),
        "bytes": (arguments.out / "expression.onnx").stat().st_size,
    }, indent=1))


if __name__ == "__main__":
    main()
