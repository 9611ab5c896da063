"""Soft labels of the shipped networks for train_expression.py.

usage: teach_expression.py --data FACES.npz --expression expression.onnx --fer emotion_fer.onnx --out TEACHER.npz

For each training picture `logits`: 0.430 log p_expression + 0.275 log p_fer + BIAS, means of both mirror
views, fitted on the validation faces together with 0.08 log p of face-api (train_expression.py's --guide);
and `teacher`, their softmax. Float files. About 2 minutes of one x86 core.
"""

import argparse
import pathlib

import cv2
import numpy as np
import onnxruntime

SHARES = (0.430, 0.275)
BIAS = np.array([0.077, -0.86, 0.54, 0.265, 0.214, -0.116, -0.12], np.float32)


def load(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def judge(session, picture, size_px):
    """log p of one grey picture (0..255) and its mirror image, the mean of both."""
    name, found = session.get_inputs()[0].name, 0
    for view in (picture, picture[:, ::-1]):
        shown = cv2.resize(np.ascontiguousarray(view), (size_px, size_px), interpolation=cv2.INTER_LINEAR)
        shown = (shown.astype(np.float32) / 127.5 - 1)[None, None]
        found = found + np.log(np.maximum(session.run(None, {name: shown})[0][0], 1e-9)) / 2
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--data", "--expression", "--fer", "--out"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    pictures = np.load(arguments.data)["train"]
    networks = ((load(arguments.expression), 48), (load(arguments.fer), 64))
    logits = np.empty((len(pictures), len(BIAS)), np.float32)
    for row, picture in zip(logits, pictures):
        row[:] = BIAS
        for share, (session, size_px) in zip(SHARES, networks):
            row += share * judge(session, picture, size_px)
    teacher = np.exp(logits - logits.max(1, keepdims=True))
    np.savez(arguments.out, logits=logits, teacher=teacher / teacher.sum(1, keepdims=True))


if __name__ == "__main__":
    main()
