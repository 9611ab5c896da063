-- Version 3 to 4: what the muscles of the face do, where face_actions is on.

ALTER TABLE video_metric ADD COLUMN
  smile_permille INTEGER CHECK (smile_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  mouth_stretch_permille INTEGER CHECK (mouth_stretch_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  upper_lip_raise_permille INTEGER CHECK (upper_lip_raise_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  jaw_open_permille INTEGER CHECK (jaw_open_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  lip_pucker_permille INTEGER CHECK (lip_pucker_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  brow_up_permille INTEGER CHECK (brow_up_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  brow_down_permille INTEGER CHECK (brow_down_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  eye_wide_permille INTEGER CHECK (eye_wide_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  eye_squint_permille INTEGER CHECK (eye_squint_permille BETWEEN 0 AND 1000);
ALTER TABLE video_metric ADD COLUMN
  cheek_raise_permille INTEGER CHECK (cheek_raise_permille BETWEEN 0 AND 1000);
