"""Trains the expression network: one grey 48x48 face in, probabilities of seven labels out.

usage: train_expression.py --data FACES.npz --out RUN [--start FIRST.onnx] [--teacher TEACHER.npz [--guide FACE_API.onnx]]

FACES.npz: `train` and `validation` (N x 48 x 48, grey), `train_labels`, `validation_labels` (indices
into `labels`), `train_votes` (FER+'s counts, columns named by `vote_columns`). TEACHER.npz, by
teach_expression.py: for each training picture `teacher`, seven probabilities in the order of LABELS, and
`logits`, to which `--guide` adds what face-api says of the very view that the student sees.

The network is that of expression.w8.onnx with one more block at 6x6: 28 MMACs. `--start` loads the float
file of the shipped network, and the new block passes its input on unchanged at first.

State: run once, 20 epochs (12 of them on a schedule for 28) with teacher and guide, about 45 minutes of one
x86 core. Validation accuracy 0.658 and mean recall 0.604, both views, without a prior; the network it began with has
0.666 and 0.614 that way. So the shipped file does NOT come from it.

  teach_expression.py --data FACES.npz --expression expression.onnx --fer emotion_fer.onnx --out TEACHER.npz
  train_expression.py --data FACES.npz --out RUN --start expression.onnx --teacher TEACHER.npz \\
    --guide emotion_faceapi.onnx --epochs 20
  export_expression.py RUN/last.pt --data FACES.npz --out SLIM

RUN gets log.txt and each epoch last.pt (the whole state) and epochNN.pt (the averaged weights). The
same command goes on from last.pt. One thread; the random numbers depend on the seed and the epoch alone,
so an interrupted run gives the same network as an uninterrupted one.
"""

import argparse
import json
import math
import os
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
# The names of FER+'s votes: the first seven in the order of LABELS.
VOTES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
SIDE = 48
POOLED = 2  # the last map is averaged in 2x2 quarters, which keeps brows and mouth apart
WEIGHT_DECAY = 5e-4
AVERAGE_OVER = 600  # steps; time constant of the moving average of the weights
SMOOTHING = 0.04  # of the labels, uniform
VOTE_SHARE = 0.25  # of the label's target that is FER+'s votes
TEACHER_SHARE = 0.5  # of the target that is the teacher's probabilities
GUIDE_SHARE = 0.08  # of face-api's log probabilities (it is too sure of itself: calibration error 0.31)
FACE_API_ORDER = [3, 5, 4, 1, 2, 6, 0]  # its labels in the order of LABELS
VOTES_WEIGHT = 0.5  # of the second head, which learns FER+'s votes and is not exported
REPEAT = {"disgust": 2.5}  # a rare label: 1.3 % of the pictures
GROWTH = 0.12  # share of the training over which the augmentation grows from nothing
MIXED = (0.12, 0.75)  # share of the training with mixup and erasing


# ---- network --------------------------------------------------------------------------------


def unit(inputs, outputs, size=3, stride=1):
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Residual: two 3x3 convolutions, or 1x1, 3x3, 1x1 where `middle` is given."""

    def __init__(self, inputs, outputs, stride=1, middle=None):
        super().__init__()
        if middle is None:
            units = [unit(inputs, outputs, 3, stride), unit(outputs, outputs)]
        else:
            units = [unit(inputs, middle, 1), unit(middle, middle, 3, stride), unit(middle, outputs, 1)]
        self.units = nn.ModuleList(units)
        same = stride == 1 and inputs == outputs
        self.short = nn.Identity() if same else unit(inputs, outputs, 1, stride)
        nn.init.zeros_(units[-1][1].weight)  # a new block passes its input on unchanged

    def forward(self, x):
        y = x
        for number, layer in enumerate(self.units):
            y = layer(y)
            if number + 1 < len(self.units):
                y = F.relu(y, inplace=True)
        return F.relu(y + self.short(x), inplace=True)


class EdgeConv(nn.Conv2d):
    """Each kernel sums to 0, so that the brightness of the picture does not reach the network."""

    def kernel(self):
        return self.weight - self.weight.mean((1, 2, 3), keepdim=True)

    def forward(self, x):
        return F.conv2d(x, self.kernel(), None, self.stride, self.padding)


class Net(nn.Module):
    def __init__(self, dropout=0.3):
        super().__init__()
        self.stem = nn.Sequential(EdgeConv(1, 24, 5, 2, 2, bias=False), nn.BatchNorm2d(24))
        self.blocks = nn.Sequential(
            Block(24, 24), Block(24, 64, 2), Block(64, 128, 2),
            Block(128, 128, 1, 64), Block(128, 128, 1, 96),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(128 * POOLED**2, len(LABELS))
        self.votes = nn.Linear(128 * POOLED**2, len(VOTES))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def units(self):
        """(convolution, batch norm) in the order of the exported file."""
        yield self.stem
        for block in self.blocks:
            yield from block.units
            if not isinstance(block.short, nn.Identity):
                yield block.short

    def features(self, x):
        x = self.blocks(F.relu(self.stem(x), inplace=True))
        return F.adaptive_avg_pool2d(x, POOLED).flatten(1)

    def forward(self, x):
        return self.head(self.features(x))

    def both(self, x):
        x = self.dropout(self.features(x))
        return self.head(x), self.votes(x)


def start_from(net, path, pixels):
    """Loads the exported network at `path`; blocks that it lacks stay as they are.

    Its batch norms are folded into the convolutions. They are unfolded by the mean and the spread
    that each convolution gives on `pixels`, so that training can go on from the same function.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    constants = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    layers = [[constants[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"]
    loaded = list(zip(net.units(), layers))
    moments = {}
    hooks = []
    with torch.no_grad():
        for (convolution, norm), (weight, bias) in loaded:
            convolution.weight.copy_(weight)
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
            norm.weight.fill_(1)
            norm.bias.copy_(bias)

            def note(module, _, output, key=convolution):
                flat = output.transpose(0, 1).flatten(1).double()
                moments.setdefault(key, []).append((flat.mean(1), flat.square().mean(1)))

            hooks.append(convolution.register_forward_hook(note))
        head = next(node for node in graph.node if node.op_type == "Gemm")
        net.head.weight.copy_(constants[head.input[1]])
        net.head.bias.copy_(constants[head.input[2]])
        net.eval()
        for part in pixels.split(100):
            net(normal(part).unsqueeze(1))
        for hook in hooks:
            hook.remove()
        for (convolution, norm), (weight, bias) in loaded:
            mean, square = (torch.stack(parts).mean(0) for parts in zip(*moments[convolution]))
            spread = (square - mean.square()).clamp_min(1e-6).sqrt()
            convolution.weight.copy_(weight / spread.view(-1, 1, 1, 1))
            norm.running_mean.copy_(mean / spread)
            norm.running_var.fill_(1)
            norm.weight.copy_(spread * math.sqrt(1 + norm.eps))
            norm.bias.copy_(bias + mean)
    return len(loaded)


# ---- pictures -------------------------------------------------------------------------------


def normal(pixels):
    """The range of the catalog's entry: (x - 127.5) / 127.5."""
    return pixels.float().sub_(127.5).div_(127.5)


def targets(labels, votes, columns):
    """(the label, smoothed and mixed with FER+'s votes; the votes alone, 0 where there are none)."""
    columns = list(columns)
    counts = votes[:, [columns.index(name) for name in VOTES]].astype(np.float32)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    of_seven = counts[:, : len(LABELS)]
    voted = of_seven.sum(1, keepdims=True)
    target = np.eye(len(LABELS), dtype=np.float32)[labels]
    mixed = (1 - VOTE_SHARE) * target + VOTE_SHARE * of_seven / np.maximum(voted, 1)
    target = np.where(voted > 0, mixed, target)
    return (1 - SMOOTHING) * target + SMOOTHING / len(LABELS), share


def augment(pixels, side, strength, erase, g):
    n = len(pixels)
    x = pixels.float().div_(255).unsqueeze(1)
    draw = lambda low, high, *shape: torch.rand(n, *shape, generator=g) * (high - low) + low
    angle = strength * draw(-0.24, 0.24)
    scale = torch.exp(strength * draw(-0.2, 0.16))  # below 1 looks closer
    aspect = torch.exp(strength * draw(-0.05, 0.05))
    mirror = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = cos * scale * aspect * mirror, -sin * scale
    theta[:, 1, 0], theta[:, 1, 1] = sin * scale * mirror, cos * scale / aspect
    theta[:, :, 2] = strength * draw(-0.15, 0.15, 2)
    grid = F.affine_grid(theta, (n, 1, side, side), align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = torch.where((draw(0, 1) < 0.12 * strength).view(-1, 1, 1, 1), blurred, x)
    each = lambda low, high: strength * draw(low, high).view(-1, 1, 1, 1)
    x = x.clamp_(0, 1).pow_(torch.exp(each(-0.35, 0.35)))
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * torch.exp(each(-0.4, 0.3)) + mean + each(-0.15, 0.15)
    x = x.clamp_(0, 1).mul_(2).sub_(1)
    if erase:  # a rectangle of noise in a part of the pictures
        area, ratio = draw(0.02, 0.18), torch.exp(draw(-0.8, 0.8))
        high, wide = (area * ratio).sqrt() * side, (area / ratio).sqrt() * side
        top, left = draw(0, 1) * (side - high), draw(0, 1) * (side - wide)
        at = torch.arange(side)
        rows = (at >= top[:, None]) & (at < (top + high)[:, None])
        columns = (at >= left[:, None]) & (at < (left + wide)[:, None])
        chosen = (draw(0, 1) < 0.3 * strength)[:, None, None]
        hole = (rows[:, :, None] & columns[:, None, :] & chosen).unsqueeze(1)
        noise = draw(-1, 1).view(-1, 1, 1, 1) + 0.2 * torch.randn(x.shape, generator=g)
        x = torch.where(hole, noise, x).clamp_(-1, 1)
    return x


def epoch_rows(labels, generator):
    """Every picture once, those of a rare label more often; shuffled."""
    rows = [torch.arange(len(labels))]
    for name, times in REPEAT.items():
        those = torch.nonzero(labels == LABELS.index(name)).flatten()
        extra = round((times - 1) * len(those))
        rows.append(those[torch.randint(len(those), (extra,), generator=generator)])
    rows = torch.cat(rows)
    return rows[torch.randperm(len(rows), generator=generator)]


# ---- training -------------------------------------------------------------------------------


def rate(progress, peak):
    """One cycle: up over 5 %, then half a cosine down."""
    if progress < 0.05:
        return peak * (0.05 + 0.95 * progress / 0.05)
    return peak * (0.001 + 0.5 * (1 + math.cos(math.pi * min(1, (progress - 0.05) / 0.95))))


def figures(logits, labels):
    named = logits.argmax(1)
    recall = [float((named[labels == k] == k).float().mean()) for k in range(len(LABELS))]
    return float((named == labels).float().mean()), float(np.mean(recall)), recall


def judge(net, pixels, mirrored=False):
    net.eval()
    with torch.no_grad():
        parts = (normal(part.flip(2) if mirrored else part) for part in pixels.split(200))
        return torch.cat([net(x.unsqueeze(1).contiguous(memory_format=torch.channels_last)) for x in parts])


def train_epoch(net, average, optimizer, data, epoch, arguments, guide=None):
    """One pass over the pictures; its random numbers depend on the seed and the epoch alone."""
    x, labels, target, votes = data
    generator = torch.Generator().manual_seed(1000 * arguments.seed + epoch)
    torch.manual_seed(77_000 * arguments.seed + epoch)  # dropout
    drawn = np.random.default_rng((arguments.seed, epoch))
    rows = epoch_rows(labels, generator)
    steps, losses = len(rows) // arguments.batch, []
    net.train()
    for step in range(steps):
        progress = (epoch + step / steps) / arguments.epochs
        for group in optimizer.param_groups:
            group["lr"] = rate(progress, arguments.peak)
        side = [size for share, size in arguments.sides if progress >= share][-1]
        strength = arguments.strength * min(1.0, progress / GROWTH)
        mixed = MIXED[0] <= progress < MIXED[1]
        batch = rows[step * arguments.batch : (step + 1) * arguments.batch]
        picture = augment(x[batch], side, strength, mixed, generator)
        wanted, voted = target[batch], votes[batch]
        if guide:
            wanted = (1 - TEACHER_SHARE) * wanted + TEACHER_SHARE * guide(picture, batch)
        if mixed and arguments.mixup:
            share = float(drawn.beta(arguments.mixup, arguments.mixup))
            share = max(share, 1 - share)
            picture, wanted, voted = (share * t + (1 - share) * t.flip(0) for t in (picture, wanted, voted))
        named, named_votes = net.both(picture.contiguous(memory_format=torch.channels_last))
        loss = -(wanted * F.log_softmax(named, 1)).sum(1).mean()
        second = -(voted * F.log_softmax(named_votes, 1)).sum(1).mean()
        optimizer.zero_grad()
        (loss + VOTES_WEIGHT * second).backward()
        optimizer.step()
        keep = 1 - 1 / min(AVERAGE_OVER, 1 + (epoch * steps + step) / 5)
        with torch.no_grad():
            for mean, now in zip(average.state_dict().values(), net.state_dict().values()):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
        losses.append(float(loss.detach()))
    return float(np.mean(losses)), side


class Guide:
    """The teacher's probabilities for the very view that the student sees.

    Log-linear: `logits` (N x 7, fixed: the networks that learned the same pictures) and GUIDE_SHARE of the log
    probabilities of face-api (112x112, 0..255), which learned other ones and knows posed faces.
    """

    def __init__(self, path, logits):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name
        self.logits = logits

    def __call__(self, picture, batch):
        large = F.interpolate(picture, size=(112, 112), mode="bilinear", align_corners=False)
        large = large.add(1).mul_(127.5).expand(-1, 3, -1, -1).numpy()
        found = [self.session.run(None, {self.name: one[None]})[0][0] for one in np.ascontiguousarray(large)]
        seen = torch.from_numpy(np.log(np.maximum(np.stack(found), 1e-6)))[:, FACE_API_ORDER]
        return F.softmax(self.logits[batch] + GUIDE_SHARE * seen, 1)


def save(path, state):
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--start", type=pathlib.Path, help="float ONNX file to go on from")
    parser.add_argument("--teacher", type=pathlib.Path, help="probabilities for each training picture")
    parser.add_argument("--teacher-from", type=int, default=0, help="first epoch that reads them")
    parser.add_argument("--guide", type=pathlib.Path, help="emotion_faceapi.onnx, asked about each view")
    parser.add_argument("--epochs", type=int, default=26)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--peak", type=float, default=0.04, help="highest learning rate")
    parser.add_argument("--strength", type=float, default=0.8, help="of the augmentation")
    parser.add_argument("--mixup", type=float, default=0.2, help="alpha; 0 is off")
    sides = lambda text: [(float(p.split(":")[0]), int(p.split(":")[1])) for p in text.split(",")]
    parser.add_argument("--sides", type=sides, default="0:40,0.45:48", help="SHARE:SIDE of the pictures, by progress")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)

    faces = np.load(arguments.data)
    if tuple(faces["labels"]) != LABELS:
        raise SystemExit(f"the labels of {arguments.data} are not {LABELS}")
    target, votes = targets(faces["train_labels"], faces["train_votes"], faces["vote_columns"])
    x, target, votes = (torch.from_numpy(v) for v in (faces["train"], target.astype(np.float32), votes))
    labels = torch.from_numpy(faces["train_labels"].astype(np.int64))
    validation = torch.from_numpy(faces["validation"])
    truth = torch.from_numpy(faces["validation_labels"].astype(np.int64))

    torch.manual_seed(arguments.seed)
    net = Net()
    if arguments.start:
        start_from(net, arguments.start, x[:3000])
        accuracy, recall, _ = figures(judge(net, validation), truth)
        print(f"start: accuracy {accuracy:.4f}, mean recall {recall:.4f}", flush=True)
    net = net.to(memory_format=torch.channels_last)
    average = Net().to(memory_format=torch.channels_last)
    average.load_state_dict(net.state_dict())
    parameters = [[p for p in net.parameters() if (p.ndim > 1) == decays] for decays in (True, False)]
    optimizer = torch.optim.SGD(
        [{"params": parameters[0], "weight_decay": WEIGHT_DECAY}, {"params": parameters[1], "weight_decay": 0}],
        lr=0, momentum=0.9, nesterov=True,
    )
    epoch, last = 0, arguments.out / "last.pt"
    if last.exists():
        state = torch.load(last, weights_only=True)
        net.load_state_dict(state["live"])
        average.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        epoch = state["epoch"]
    mixed = None
    guide = None
    if arguments.guide:
        guide = Guide(arguments.guide, torch.from_numpy(np.load(arguments.teacher)["logits"]))
    while epoch < arguments.epochs:
        if arguments.teacher and not guide and mixed is None and epoch >= arguments.teacher_from:
            teacher = torch.from_numpy(np.load(arguments.teacher)["teacher"]).float()
            mixed = (1 - TEACHER_SHARE) * target + TEACHER_SHARE * teacher
        begin = time.time()
        data = (x, labels, target if mixed is None else mixed, votes)
        loss, side = train_epoch(net, average, optimizer, data, epoch, arguments, guide)
        epoch += 1
        logits = judge(average, validation)
        accuracy, recall, each = figures(logits, truth)
        both = figures(logits + judge(average, validation, mirrored=True), truth)
        note = {
            "epoch": epoch, "side": side, "loss": round(loss, 4), "teacher": mixed is not None,
            "accuracy": round(accuracy, 4), "recall": round(recall, 4),
            "both views": [round(both[0], 4), round(both[1], 4)],
            "each": [round(r, 2) for r in each], "s": round(time.time() - begin),
        }
        state = {
            "net": average.state_dict(), "live": net.state_dict(), "optimizer": optimizer.state_dict(),
            "epoch": epoch, "note": json.dumps(note),
        }
        save(last, state)
        save(arguments.out / f"epoch{epoch:02}.pt", {"net": average.state_dict(), "note": json.dumps(note)})
        with (arguments.out / "log.txt").open("a") as log:
            print(json.dumps(note), file=log)


if __name__ == "__main__":
    main()
