// The words of the page in both languages. `t` gives one; the language follows the browser until
// the person chooses, and the choice is kept.

const WORDS = {
  zh: {
    other_language: "English",
    connecting: "连接中", live: "实时", lost: "已断开，正在重连", locked: "需要令牌",
    demo: "演示数据：没有找到设备，以下数值来自内置片段，不属于任何人",
    token_title: "输入访问令牌", token_hint: "令牌在首次启动时显示一次，并保存在状态目录的 token 文件中。",
    token_label: "令牌", token_submit: "连接", token_wrong: "令牌无效，请检查后重试。",
    face: "面部", voice: "语音", health: "设备与服务",
    face_yes: "检测到人脸", face_no: "没有人脸", voice_yes: "正在说话", voice_no: "没有说话", no_data: "尚无数据", old: "没有新数据，以下为最后的数值",
    expression: "表情概率",
    angry: "愤怒", disgust: "厌恶", fear: "恐惧", happy: "高兴", sad: "悲伤", surprise: "惊讶", neutral: "中性",
    off: "已关闭", too_dark: "画面太暗，无法判断表情", too_blurred: "画面模糊，无法判断表情", too_small: "人脸太小，无法判断表情",
    head_pose: "头部 偏航 / 俯仰 / 翻滚", gaze: "视线 偏航 / 俯仰", eye_contact: "眼神接触", eye_contact_ratio: "眼神接触比例",
    blink: "闭眼", blink_rate: "眨眼频率", head_stability: "头部稳定度", emotion_stability: "表情稳定度",
    mouth: "张口程度", face_count: "人脸数量", latency: "延迟",
    yes: "是", no: "否", per_min: "次/分",
    volume: "音量", pitch: "基频 平均", pitch_range: "基频 范围", speech_rate: "语速", syllables: "音节/分",
    clarity: "清晰度", pauses: "停顿", longest_pause: "最长停顿", speech_ratio: "说话占比", arousal: "激活度",
    voice_emotion: "语音状态", calm: "平静", activated: "激动", clipping: "削波",
    camera: "摄像头", microphone: "麦克风", vision: "视觉分析", speech: "语音分析",
    starting: "启动中", running: "运行中", unavailable: "不可用", stopped: "已停止",
    demo_clip: "内置片段", dropped: "丢弃", restarts: "重启", errors: "错误",
    uptime: "已运行", health_lost: "无法读取 /health",
  },
  en: {
    other_language: "中文",
    connecting: "Connecting", live: "Live", lost: "Disconnected, trying again", locked: "Token needed",
    demo: "Demo source: no device was found. These numbers come from the bundled clip and are nobody's.",
    token_title: "Enter the access token", token_hint: "It was shown once at the first start and is kept in the file “token” of the state folder.",
    token_label: "Token", token_submit: "Connect", token_wrong: "The token is not valid. Check it and try again.",
    face: "Face", voice: "Voice", health: "Devices and services",
    face_yes: "Face in view", face_no: "No face", voice_yes: "Speaking", voice_no: "Not speaking", no_data: "No data yet", old: "Nothing new arrives; these are the last values",
    expression: "Expression probability",
    angry: "Angry", disgust: "Disgust", fear: "Fear", happy: "Happy", sad: "Sad", surprise: "Surprise", neutral: "Neutral",
    off: "Off", too_dark: "Too dark to judge the expression", too_blurred: "Too blurred to judge the expression", too_small: "Face too small to judge the expression",
    head_pose: "Head yaw / pitch / roll", gaze: "Gaze yaw / pitch", eye_contact: "Eye contact", eye_contact_ratio: "Eye contact ratio",
    blink: "Eyes shut", blink_rate: "Blink rate", head_stability: "Head stability", emotion_stability: "Expression stability",
    mouth: "Mouth opening", face_count: "Faces", latency: "Latency",
    yes: "Yes", no: "No", per_min: "/min",
    volume: "Volume", pitch: "Pitch, mean", pitch_range: "Pitch, range", speech_rate: "Speech rate", syllables: "syllables/min",
    clarity: "Clarity", pauses: "Pauses", longest_pause: "Longest pause", speech_ratio: "Speech share", arousal: "Arousal",
    voice_emotion: "Voice state", calm: "Calm", activated: "Activated", clipping: "Clipping",
    camera: "Camera", microphone: "Microphone", vision: "Vision", speech: "Speech",
    starting: "Starting", running: "Running", unavailable: "Unavailable", stopped: "Stopped",
    demo_clip: "Bundled clip", dropped: "dropped", restarts: "restarts", errors: "errors",
    uptime: "Up for", health_lost: "/health cannot be read",
  },
};

const KEPT = "boothd.language";
let language = localStorage.getItem(KEPT) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export const t = (word) => WORDS[language][word] ?? word;

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem(KEPT, language);
}

/** Writes the fixed words into the page. */
export function translatePage() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = t(element.dataset.word);
  }
  document.getElementById("language").textContent = t("other_language");
}
