"""What MediaPipe's refined face mesh says about each frame of a clip: the tables of tests/data/vision.

usage: mediapipe_truth.py CLIP {tracking,stills} > TABLE.csv
needs: pip install mediapipe==0.10.21 opencv-python-headless

`stills` looks at each frame by itself, `tracking` follows the face as boothd does. One line a frame:
whether there is a face, then x and y of some landmarks in pixels: the outline, nose, mouth, the
corners of both eyes, their lids and the middles of both irises.
"""

import sys

import cv2
import mediapipe

POINTS = [1, 4, 10, 33, 61, 133, 145, 152, 159, 263, 291, 362, 374, 386, 468, 473]


def main(clip, mode):
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=mode == "stills", max_num_faces=1, refine_landmarks=True
    )
    names = [f"{axis}{point}" for axis in "xy" for point in POINTS]
    print("frame", "face", *names, sep=",")
    frames, number = cv2.VideoCapture(clip), 0
    while True:
        is_frame, picture = frames.read()
        if not is_frame:
            return
        height, width = picture.shape[:2]
        faces = mesh.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        cells = [""] * len(names)
        if faces:
            found = [faces[0].landmark[point] for point in POINTS]
            cells = [f"{p.x * width:.2f}" for p in found] + [f"{p.y * height:.2f}" for p in found]
        print(number, int(bool(faces)), *cells, sep=",")
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
