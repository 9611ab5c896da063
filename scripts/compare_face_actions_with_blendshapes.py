"""boothd's face actions beside MediaPipe's blendshapes, and what the pose of the head does to them.

usage: compare_face_actions_with_blendshapes.py REFERENCE EMOPY RENDERED SCAN

REFERENCE  folder of blendshapes.onnx and face_landmarks478.onnx, made of MediaPipe's face_landmarker.task
           (a reference only: the licence of its blendshapes could not be verified)
EMOPY      the unpacked wheel of PyPI EmoPy 0.0.5: frames of the Extended Cohn-Kanade set, of which the
           first two of a sequence are neutral
RENDERED   faces and truth.csv of github.com/DatagenTech/dgutils (15da63e, Synthetic), each seen once
SCAN       renders of one turned head scan (Lee Perry-Smith), whose eyes are shut

Follows src/vision/face_actions.rs; needs numpy, onnxruntime, opencv-python.
"""

import pathlib
import sys

import cv2
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "models/build"))
import face_pipeline as face  # noqa: E402

# face_blendshapes_graph.cc: the landmarks that the model takes, the coefficients that it gives.
BLENDSHAPE_LANDMARKS = [
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70,
    78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149,
    150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195,
    197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300,
    308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375,
    377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454,
    466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
]
REFERENCE = {
    "smile": [44, 45], "mouth_stretch": [46, 47], "upper_lip_raise": [48, 49], "jaw_open": [25],
    "lip_pucker": [38], "brow_up": [3, 4, 5], "brow_down": [1, 2], "eye_wide": [21, 22],
    "eye_squint": [19, 20], "cheek_raise": [44, 45],
}
PER_DEG = np.array([0.004, 0, 0, 0, -0.007, 0, -0.005, 0])
NOISE = 0.1


class Reader:
    def __init__(self, reference):
        self.models = face.Models(ROOT / "models/catalog.toml", ROOT / "models")
        self.landmarks478 = face.open_model(pathlib.Path(reference) / "face_landmarks478.onnx")
        self.blendshapes = face.open_model(pathlib.Path(reference) / "blendshapes.onnx")
        rows = (ROOT / "src/vision/canonical_face.csv").read_text().splitlines()
        rows = [row.split(",") for row in rows if not row.startswith("#")][1:]
        weighted = [row for row in rows if float(row[4]) > 0]
        self.rigid = np.array([int(row[0]) for row in weighted])
        self.weight = np.array([float(row[4]) for row in weighted])
        self.weight /= self.weight.sum()
        self.canonical = np.array([[float(x) for x in row[1:4]] for row in weighted])
        self.canonical -= self.weight @ self.canonical

    def read(self, picture):
        """(measures, (yaw, pitch), blendshapes, mesh), or None without a face."""
        found = face.detect(self.models.face_detector, picture)
        if not found:
            return None
        mesh = self.mesh(picture, face.face_crop(found[0]))
        mesh = self.mesh(picture, face.next_crop(mesh[:, :2]))
        measures, pose = self.measures(mesh)
        return measures, pose, self.reference(picture, mesh), mesh

    def mesh(self, picture, square):
        """468 points x, y, z in pixels of the picture, their eyes and lips refined."""
        made, matrix = face.crop(picture, *square, face.INPUT_PX)
        shown = (made.astype(np.float32) / 255).transpose(2, 0, 1)[None]
        points, _, _ = face.run(self.models.face_landmarks, shown)
        depth = points.reshape(468, 3)[:, 2] / face.INPUT_PX * square[1]
        places, _ = face.find_landmarks(self.models, picture, square)
        return np.column_stack([places[:468], depth])

    def reference(self, picture, mesh):
        square = face.expression_square(mesh[:, :2], {"crop_scale": 1.5, "crop_up_ratio": 0})
        made, matrix = face.crop(picture, *square, 256)
        points = face.run(self.landmarks478, (made.astype(np.float32) / 255)[None])[0]
        places = points.reshape(478, 3)[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        taken = places[BLENDSHAPE_LANDMARKS][None].astype(np.float32)
        return face.run(self.blendshapes, taken)[0].ravel()

    def measures(self, mesh):
        upright = mesh * [1, -1, -1]
        middle = self.weight @ upright[self.rigid]
        covariance = (self.weight[:, None] * self.canonical).T @ (upright[self.rigid] - middle)
        u, _, vt = np.linalg.svd(covariance)
        turn = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
        size = np.trace(turn @ covariance) / (self.weight @ (self.canonical**2).sum(1))
        place = (upright - middle) @ turn / size
        nose = turn[:, 2]
        yaw, pitch = np.degrees([np.arctan2(-nose[0], nose[2]), np.arcsin(nose[1])])
        height = lambda *points: place[list(points), 1].mean()
        eyes, base = height(33, 133, 362, 263), height(2)
        upper, lower = height(160, 159, 158, 385, 386, 387), height(144, 145, 153, 380, 374, 373)
        seen = [
            np.linalg.norm(place[61] - place[291]),
            height(61, 291) - height(129, 358),
            base - height(40, 39, 269, 270),
            base - height(17, 152),
            height(70, 63, 105, 66, 107, 300, 293, 334, 296, 336) - eyes,
            upper - lower,
            lower - eyes,
            height(50, 205, 280, 425) - eyes,
        ]
        return np.array(seen) - PER_DEG * pitch, (yaw, pitch)


def actions(rest, now):
    """name -> 0..1; rest and now are measures, or rows of them."""
    width, corners, lip, chin, brow, gap, lower, cheek = np.moveaxis(now - rest, -1, 0)
    changes = {
        "smile": (width / 2 + corners) / 1.5,
        "mouth_stretch": (width / 2 - 1.7 * np.maximum(corners, 0)) / 0.5,
        "upper_lip_raise": -lip / 0.7,
        "jaw_open": chin / 1.8,
        "lip_pucker": -width,
        "brow_up": brow / 0.8,
        "brow_down": -brow / 0.6,
        "eye_wide": gap / 0.4,
        "eye_squint": lower / 0.25,
        "cheek_raise": cheek / 0.6,
    }
    return {name: np.clip((x - NOISE) / (1 - NOISE), 0, 1) for name, x in changes.items()}


def turned(picture, mesh, yaw, pitch):
    """The photograph laid on its own mesh, turned (degrees); rings around it carry the background."""
    middle, size = mesh.mean(0), np.ptp(mesh[:, 0])
    hull = cv2.convexHull(mesh[:, :2].astype(np.float32), returnPoints=False).ravel()
    rings = [middle + (mesh[hull] - middle) * k for k in (1.25, 1.7, 2.6)]
    for ring, depth in zip(rings, (0.175, 0.275, 0.3)):
        ring[:, 2] = mesh[hull, 2].max() + depth * size
    flat = np.concatenate([mesh, *rings])
    a, b = np.radians([yaw, pitch])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    solid = (flat - middle) @ (about_y @ about_x).T
    solid[:, :2] *= 6 * size / (6 * size + solid[:, 2:])
    solid += middle
    made = np.zeros_like(picture) + np.median(picture.reshape(-1, 3), 0).astype(np.uint8)
    for corners in sorted(triangles(flat[:, :2]), key=lambda t: -solid[t, 2].mean()):
        lay(picture, flat[corners, :2], made, solid[corners, :2])
    return made


def triangles(points):
    fine = ((points - points.min(0) + 1) * 50).astype(np.float32)
    width, height = fine.max(0) + 10
    division = cv2.Subdiv2D((0, 0, int(width) + 1, int(height) + 1))
    numbers = {}
    for number, point in enumerate(fine):
        division.insert((float(point[0]), float(point[1])))
        numbers[tuple(point.round(2))] = number
    for found in division.getTriangleList():
        corners = [numbers.get(tuple(point.round(2))) for point in found.reshape(3, 2)]
        if None not in corners:
            yield corners


def lay(picture, source, made, target):
    """Draws one triangle, unless it shows its back."""
    source, target = source.astype(np.float32), target.astype(np.float32)
    turn = lambda t: np.cross(t[1] - t[0], t[2] - t[0])
    low = np.maximum(np.floor(target.min(0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(target.max(0)).astype(int) + 2, [made.shape[1], made.shape[0]])
    if turn(source) * turn(target) <= 0 or (high <= low).any():
        return
    size = tuple(int(x) for x in high - low)
    matrix = cv2.getAffineTransform(target - low.astype(np.float32), source)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(mask, np.round((target - low) * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    made[low[1] : high[1], low[0] : high[0]][mask > 0] = patch[mask > 0]


def read_picture(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def say(title, found):
    """Mean and 95th percentile of each action."""
    print(f"{title} ({len(found['smile'])} pictures)")
    for name, values in found.items():
        print(f"  {name:16s} mean {values.mean():.2f}  95th percentile {np.percentile(values, 95):.2f}")


def main(reference, emopy, rendered, scan):
    reader = Reader(reference)
    paths = {path.stem: path for path in sorted(pathlib.Path(emopy).rglob("S*_*_*.png"))}
    people = {name: reader.read(read_picture(path)) for name, path in sorted(paths.items())}
    people = {name: seen for name, seen in people.items() if seen is not None}
    is_neutral = {name: int(name[9:]) <= 2 for name in people}
    rest, rest_shapes = {}, {}
    for person in {name[:4] for name in people}:
        own = [seen for name, seen in people.items() if name[:4] == person and is_neutral[name]]
        rest[person] = np.median([seen[0] for seen in own], 0)
        rest_shapes[person] = np.median([seen[2] for seen in own], 0)
    found = [actions(rest[name[:4]], seen[0]) for name, seen in people.items()]
    shapes = [np.maximum(seen[2] - rest_shapes[name[:4]], 0) for name, seen in people.items()]
    neutral = np.array([is_neutral[name] for name in people])
    common = np.median([seen[0] for name, seen in people.items() if is_neutral[name]], 0)
    faces = [reader.read(read_picture(path)) for path in sorted(pathlib.Path(rendered).glob("*.png"))]
    faces = [seen for seen in faces if seen is not None]
    print(f"correlation with the blendshape: {len(found)} photographs, {len(faces)} rendered, both")
    for name, numbers in REFERENCE.items():
        photographs = np.array([one[name] for one in found])
        renders = np.array([actions(common, seen[0])[name] for seen in faces])
        of_photographs = np.array(shapes)[:, numbers].mean(1)
        of_renders = np.array([seen[2][numbers].mean() for seen in faces])
        pairs = [(photographs, of_photographs), (renders, of_renders)]
        pairs.append(tuple(np.concatenate(x) for x in zip(*pairs)))
        told = "  ".join(f"{np.corrcoef(*pair)[0, 1]:5.2f}" for pair in pairs)
        print(f"  {name:16s} {told}  largest blendshape {max(pairs[2][1]):.2f}")
    say("their neutral frames", {n: np.array([one[n] for one in found])[neutral] for n in REFERENCE})
    firsts = {name[:4]: name for name in sorted(paths) if name.endswith("_00000001") and name in people}
    turned_photographs(reader, paths, people, sorted(firsts.values()))
    acting = [name for name in people if not is_neutral[name]]
    acting_photographs(reader, paths, people, acting, rest)
    head_scan(reader, scan)


def turned_photographs(reader, paths, people, names):
    near, all_of_them = [], []
    for name in names:
        picture = read_picture(paths[name])
        rest, mesh = reader.measures(people[name][3])[0], people[name][3]
        straight = reader.read(turned(picture, mesh, 0, 0))
        rest = rest if straight is None else straight[0]
        for yaw in (-25, -15, 0, 15, 25):
            for pitch in (-20, -10, 0, 10, 20):
                seen = reader.read(turned(picture, mesh, yaw, pitch))
                if seen is not None and (yaw, pitch) != (0, 0):
                    all_of_them.append(actions(rest, seen[0]))
                    if abs(yaw) <= 15 and abs(pitch) <= 10:
                        near.append(all_of_them[-1])
    for title, rows in (("turned by at most 15 and 10 degrees", near), ("25 and 20", all_of_them)):
        say(f"neutral photographs, {title}", {n: np.array([row[n] for row in rows]) for n in REFERENCE})


def acting_photographs(reader, paths, people, names, rest):
    """How far turning a face that acts (over 0.5) changes that action."""
    changes = {action: [] for action in REFERENCE}
    for name in names:
        picture, mesh = read_picture(paths[name]), people[name][3]
        poses = [(0, 0)] + [(y, p) for y in (-15, 0, 15) for p in (-10, 0, 10) if (y, p) != (0, 0)]
        seen = [reader.read(turned(picture, mesh, *pose)) for pose in poses]
        if seen[0] is None:
            continue
        rows = [actions(rest[name[:4]], one[0]) for one in seen if one is not None]
        for action, values in changes.items():
            if rows[0][action] > 0.5:
                values += [abs(row[action] - rows[0][action]) for row in rows[1:]]
    print("acting photographs, turned by at most 15 and 10 degrees: mean change of the action")
    for action, values in changes.items():
        told = f"{np.mean(values):.2f} ({len(values)} pictures)" if values else "none acts"
        print(f"  {action:16s} {told}")


def head_scan(reader, scan):
    seen = [reader.read(read_picture(path)) for path in sorted(pathlib.Path(scan).glob("*.jpg"))]
    seen = [one for one in seen if one is not None]
    poses = np.array([one[1] for one in seen])
    poses = np.abs(poses - np.median(poses, 0))
    measures = np.array([one[0] for one in seen])
    rest = np.median(measures[(poses < 8).all(1)], 0)
    for yaw, pitch in ((15, 10), (25, 20), (30, 25)):
        near = (poses <= (yaw, pitch)).all(1)
        say(f"head scan, at most {yaw} and {pitch} degrees", actions(rest, measures[near]))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
