"""boothd's path of a picture in NumPy, for measuring models: detector, crops, landmarks, expression.

It follows src/vision; it is no reference for it. Pictures are RGB uint8, points are pixels.
"""

import pathlib
import tomllib

import cv2
import numpy as np
import onnxruntime

EXPRESSIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
SAME_FACE_IOU = 0.3
# Of each eye, left and right as the picture shows them: model, corners, the landmarks of its contour.
EYES = [
    ("left_eye", (33, 133), [
        33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25,
        110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230,
        231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143,
        111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
    ]),
    ("right_eye", (362, 263), [
        263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359,
        255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261,
        448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276,
        283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296,
        336, 285, 417,
    ]),
]
MOUTH_CORNERS = (61, 291)
LIPS = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
    76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
    62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
]
WINDOW_PX, WINDOW_SCALE, INPUT_PX, MAP_PX = 16, 1.5, 192, 48


def open_model(path):
    """One thread, no graph optimisation: ONNX Runtime 1.32 otherwise replaces a DequantizeLinear
    before a Gemm by an operator that also quantizes the activations (probabilities move by up to
    0.002), which is not what the file says and not what tract runs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def run(model, *inputs):
    return model.run(None, {i.name: x for i, x in zip(model.get_inputs(), inputs)})


class Models:
    """The models of a catalog; `quantized=False` takes the same names without `.w8`."""

    def __init__(self, catalog, folder, quantized=True):
        self.entries = tomllib.loads(pathlib.Path(catalog).read_text())
        for name, entry in self.entries.items():
            file = entry["file"] if quantized else entry["file"].replace(".w8", "")
            setattr(self, name, open_model(pathlib.Path(folder) / file))


def anchors():
    """Centres of BlazeFace's 896 anchors, 0..1."""
    centres = []
    for side, each in ((16, 2), (8, 6)):
        for y in range(side):
            for x in range(side):
                centres += [((x + 0.5) / side, (y + 0.5) / side)] * each
    return np.array(centres, np.float32)


def crop(picture, centre, side, angle, size):
    """A turned square, made upright; also the map from its pixels to the picture.

    Shrinking averages all pixels: bilinear samples of a large face alias, and that alone moves
    emotion_fer by 3 % of its probability from one frame to the next.
    """
    cos, sin, k = np.cos(angle), np.sin(angle), side / size
    turn = np.array([[cos * k, -sin * k], [sin * k, cos * k]])
    shift = np.asarray(centre, float) - turn @ [size / 2, size / 2]
    taps = max(1, int(np.ceil(k)))
    fine = np.column_stack([turn / taps, shift + (turn / taps - turn) @ [0.5, 0.5]])
    fine = fine.astype(np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    many = (size * taps, size * taps)
    made = cv2.warpAffine(picture, fine, many, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    made = cv2.resize(made, (size, size), interpolation=cv2.INTER_AREA) if taps > 1 else made
    return made, np.column_stack([turn, shift]).astype(np.float32)


def detect(model, picture, threshold=0.5):
    """[(score, box as x1 y1 x2 y2, 6 points)], surest first."""
    height, width = picture.shape[:2]
    side, centre = max(height, width), (width / 2, height / 2)
    k = 128 / side
    fitted = cv2.resize(picture, (round(width * k), round(height * k)), interpolation=cv2.INTER_AREA)
    top, left = (128 - fitted.shape[0]) // 2, (128 - fitted.shape[1]) // 2
    square = np.zeros((128, 128, 3), np.uint8)
    square[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    regressors, logits = run(model, (square.astype(np.float32) / 127.5 - 1)[None])
    scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))
    sure = np.where(scores > threshold)[0]
    raw, at, scores = regressors.reshape(-1, 16)[sure] / 128, anchors()[sure], scores[sure]
    middle, half = raw[:, :2] + at, raw[:, 2:4] / 2
    boxes = np.concatenate([middle - half, middle + half], 1)
    points = raw[:, 4:].reshape(-1, 6, 2) + at[:, None]
    to_picture = lambda p: (p.reshape(-1, 2) * 128 - [left, top]) / k
    found, left_over = [], list(np.argsort(-scores))
    while left_over:
        best = left_over[0]
        same = [i for i in left_over if iou(boxes[best], boxes[i]) > SAME_FACE_IOU]
        weights = scores[same] / scores[same].sum()
        box = to_picture((boxes[same] * weights[:, None]).sum(0)).reshape(-1)
        found.append(
            (float(scores[best]), box, to_picture((points[same] * weights[:, None, None]).sum(0)))
        )
        left_over = [i for i in left_over if i not in same]
    return found


def iou(a, b):
    size = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    both = np.prod(size)
    return both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both + 1e-9)


def face_crop(detection):
    """(centre, side, angle) of the square in which the mesh model looks."""
    _, box, points = detection
    across = points[1] - points[0]
    centre, side = (box[:2] + box[2:]) / 2, 1.5 * max(box[2:] - box[:2])
    return centre, side, np.arctan2(across[1], across[0])


def next_crop(mesh):
    """Where the mesh model looks once it has seen the face: 1.5 times the upright landmark box."""
    return expression_square(mesh, {"crop_scale": 1.5, "crop_up_ratio": 0})


def find_landmarks(models, picture, square):
    """(478 points x y in the picture: the mesh with refined eyes and lips, then both irises; presence logit)."""
    made, matrix = crop(picture, *square, INPUT_PX)
    shown = (made.astype(np.float32) / 255).transpose(2, 0, 1)[None]
    points, presence, features = run(models.face_landmarks, shown)
    points = points.reshape(468, 3)[:, :2]
    irises = []
    for name, corners, contour in EYES:
        window = refinement_window(points, corners, contour)
        seen = sample_window(features[0], window)[None]
        refined, iris = run(getattr(models, name), seen)
        irises.append(from_window(iris, window))
        points[contour] = from_window(refined, window)
    window = refinement_window(points, MOUTH_CORNERS, LIPS)
    (refined,) = run(models.lips, sample_window(features[0], window)[None])
    points[LIPS] = from_window(refined, window)
    points = np.concatenate([points, *irises])
    return points @ matrix[:, :2].T + matrix[:, 2], float(presence.reshape(-1)[0])


def refinement_window(points, corners, contour):
    """2x3: pixel of the window to pixel of the feature map; src/vision/refinement.rs says more."""
    points = points * (MAP_PX / INPUT_PX)
    across = points[corners[1]] - points[corners[0]]
    angle = np.arctan2(across[1], across[0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    box = points[contour] @ turn
    low, high = box.min(0), box.max(0)
    linear = turn * (WINDOW_SCALE * (high - low) / WINDOW_PX)
    corner = turn @ ((low + high) / 2) - linear @ [WINDOW_PX / 2, WINDOW_PX / 2]
    return np.column_stack([linear, corner])


def sample_window(features, window):
    """32x48x48 -> 32x16x16, bilinear, 0 outside."""
    y, x = np.mgrid[:WINDOW_PX, :WINDOW_PX] + 0.5
    places = window[:, :2] @ np.stack([x.ravel(), y.ravel()]) + window[:, 2:] - 0.5
    x, y = places.reshape(2, WINDOW_PX, WINDOW_PX)
    last = MAP_PX - 1
    inside = (x >= 0) & (x <= last) & (y >= 0) & (y <= last)
    left, top = (np.floor(v).clip(0, last).astype(int) for v in (x, y))
    right, bottom = (np.minimum(v + 1, last) for v in (left, top))
    dx, dy = x - left, y - top
    upper = features[:, top, left] * (1 - dx) + features[:, top, right] * dx
    lower = features[:, bottom, left] * (1 - dx) + features[:, bottom, right] * dx
    return ((upper * (1 - dy) + lower * dy) * inside).astype(np.float32)


def from_window(points, window):
    """Points of a second look (four units to a pixel of its window) in pixels of the mesh's input."""
    points = points.reshape(-1, 2) / 4
    return (points @ window[:, :2].T + window[:, 2]) * (INPUT_PX / MAP_PX)


def follow_face(models, picture, detection):
    """(landmarks, presence logit) once tracking has settled: the second look starts from the first."""
    points, _ = find_landmarks(models, picture, face_crop(detection))
    return find_landmarks(models, picture, next_crop(points))


def eye_line_rad(mesh):
    return np.arctan2(*(mesh[263] - mesh[33])[::-1])


def inter_ocular_px(mesh):
    return np.hypot(*(mesh[263] - mesh[33]))


def expression_square(mesh, settings):
    """The square round the landmarks as src/vision/expression.rs takes it."""
    angle = eye_line_rad(mesh)
    cos, sin = np.cos(angle), np.sin(angle)
    upright = mesh[:468] @ np.array([[cos, -sin], [sin, cos]])
    low, high = upright.min(0), upright.max(0)
    x, y = (low + high) / 2 - [0, settings["crop_up_ratio"] * (high - low)[1]]
    side = max(high - low) * settings["crop_scale"]
    return (x * cos - y * sin, x * sin + y * cos), side, angle


def tight_square(picture):
    """The whole of a picture that is a face crop already."""
    height, width = picture.shape[:2]
    return (width / 2, height / 2), max(height, width), 0.0


def expression(model, settings, picture, square):
    """Log probabilities of one model, in the order of EXPRESSIONS: the mean of both mirror views."""
    order = [settings["labels"].index(label) for label in EXPRESSIONS]
    views = []
    for mirrored in (False, True):
        made, _ = crop(picture, *square, settings["size_px"], mirrored)
        if settings["colour"] == "grey":
            made = cv2.cvtColor(made, cv2.COLOR_RGB2GRAY)[..., None]
        values = (made.astype(np.float32) - settings["mean"]) / settings["std"]
        found = run(model, values.transpose(2, 0, 1)[None].astype(np.float32))[0][0]
        views.append(np.log(np.maximum(found[order], 1e-9)))
    return (views[0] + views[1]) / 2


def expression_models(entries, names=None):
    """Those of the catalog's entries that judge an expression, or those of them that `names` lists."""
    found = [name for name, entry in entries.items() if "picture" in entry]
    return [name for name in found if name in names.split(",")] if names else found


def combine(log_p_by_name, entries):
    """softmax of the sum over the models of log p / temperature + bias."""
    total = np.zeros(len(EXPRESSIONS))
    for name, log_p in log_p_by_name.items():
        settings = entries[name]["picture"]
        order = [settings["labels"].index(label) for label in EXPRESSIONS]
        bias = np.array(settings.get("bias") or [0.0] * len(EXPRESSIONS))[order]
        total = total + log_p / settings["temperature"] + bias
    return softmax(total)


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
