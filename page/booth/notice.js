// The notice that a candidate agrees to before anything is analysed, in both languages. A change of
// its meaning needs a new version, here and in `policy.notice_version`.

import { language } from "../lib/words.js";

/** The version of the text below; used where the booth names none. */
export const NOTICE_VERSION = "1";

const TEXT = {
  zh: {
    lead: "在面试过程中，本设备会用摄像头和麦克风实时计算以下数值：",
    points: [
      "面部：是否有人脸、头部朝向、视线方向、眨眼；若已开启，还有面部表情的概率。",
      "语音：音量、音高、语速、停顿、清晰度；若已开启，还有激活程度。",
      "图像和声音只在内存中处理，不会保存，也不会离开本设备。保存的只有数值的统计结果、您同意的时间和本说明的版本。",
      "表情是肌肉的形态，不是感受；这些数值不能判断能力、诚实或性格，本系统也不计算任何总分。",
      "您可以随时要求暂停或结束，也可以要求删除。拒绝同意不应给您带来不利后果。",
    ],
  },
  en: {
    lead: "During the interview this booth uses its camera and microphone to work out, live:",
    points: [
      "From the face: whether somebody is there, where the head and the eyes point, blinks; where switched on, the probability of facial expressions.",
      "From the voice: loudness, pitch, speed, pauses, clarity; where switched on, arousal.",
      "Pictures and sound are handled in memory only; they are not stored and do not leave the booth. Kept are statistics of the numbers, the time of your consent and the version of this notice.",
      "An expression is a shape of muscles, not a feeling. These numbers cannot tell ability, honesty or character, and no overall score is computed.",
      "You may ask for a pause, for the end, or for erasure at any time. Saying no should cost you nothing.",
    ],
  },
};

export const noticeText = () => TEXT[language()];
