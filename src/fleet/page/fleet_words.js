// The centre's own words, on top of the booth page's.

import { EN } from "./words_en.js";
import { ZH } from "./words_zh.js";

export const FLEET_EN = {
  page_title: "boothd · centre", centre: "boothd centre", skip: "Skip to the booths", booths: "Booths", booth: "Booth", alerts: "Alerts", alert: "Alert",
  events: "Events", history: "History", back_to_booths: "← All booths",
  total: "booths", online: "Online", offline: "Offline", silent: "Silent", restarting: "Restarting", with_alerts: "with alerts",
  search: "Search", search_hint: "Name, site, version", session_search_hint: "Session id or the candidate's reference", site: "Site", presence: "Presence", all: "All", any_alert: "Any alert",
  csv: "Download CSV", csv_failed: "The file could not be made.",
  since: "{state} for {time}", last_seen: "last seen {time} ago", never_seen: "never heard", last_seen_word: "Last seen", ago: "{time} ago",
  health_word: "Health", camera_word: "Camera", microphone_word: "Microphone", temperature: "Temperature", version: "Version", outbox: "Outbox", first_seen: "Known since", board: "Board", addresses: "Address", profile: "Profile",
  interview_runs: "Interview runs",
  alert_offline: "Offline", alert_policy: "No policy chosen", alert_light: "Recording light", alert_camera: "Camera", alert_microphone: "Microphone", alert_analysis: "Analysis", alert_store: "Store or disk", alert_board: "Board: heat or supply", alert_outbox: "Outbox", alert_certificate: "Certificate", alert_access: "Access", alert_clock: "Clock", alert_configuration: "Configuration", alert_other: "Other fault", alert_version: "Other version",
  booths_none: "No booth has been heard yet.", booths_no_match: "No booth fits the filter.", booths_shown: "{shown} of {total} booths", list_failed: "The list cannot be read now.",
  booth_unknown: "There is no booth of that name.", booth_away: "This booth is not heard now; what is shown is the last that it said.",
  alerts_open: "Open", alerts_all: "Open and past", alerts_none: "No alerts.", show: "Show", acknowledge: "Acknowledge", acknowledged: "Seen by {who}, {time}", ack_note_label: "Note (optional)",
  ack_failed: "That could not be noted.", ack_forbidden: "Only an operator may acknowledge.", until: "{from} – {to}", for_time: "for {time}", alerts_now: "{count} booths with alerts",
  events_none: "Nothing has happened yet.", events_forbidden: "Your token may not see events.", history_none: "No minutes are kept for this time.", history_label: "{span}: {values}",
  span: "Time", span_1: "Last hour", span_24: "Last 24 hours", span_168: "Last 7 days", span_720: "Last 30 days", processing_video: "Picture analysis", processing_audio: "Sound analysis",
  detail_said_goodbye: "It said goodbye, or the broker says that it is gone", detail_is_silent: "Nothing has been heard of it", detail_no_policy_is_chosen: "Nobody has chosen its policy, so it analyses nothing: set policy.profile",
  detail_under_voltage: "The power supply gives too little voltage", detail_over_current: "It draws more current than it may and is slowed down", detail_too_hot: "It is so hot that it slows down", detail_throttled: "It holds its clock back: too hot, or its supply is too weak",
  session_no_start: "its beginning was not told", session_no_end: "running, or its end was not told",
  token_hint: "It was shown once at the centre's first start and is kept in the file “token” of its state folder. The page keeps it for this tab only.",
  fine_print: "The centre shows whether booths work, and what they measured of a picture and a sound. It computes no score of a person and ranks nobody.",
};

export const FLEET_ZH = {
  page_title: "boothd · 中心", centre: "boothd 中心", skip: "跳到面试间列表", booths: "面试间", booth: "面试间", alerts: "告警", alert: "告警",
  events: "事件", history: "历史", back_to_booths: "← 全部面试间",
  total: "面试间", online: "在线", offline: "离线", silent: "无响应", restarting: "重启中", with_alerts: "有告警",
  search: "搜索", search_hint: "名称、站点、版本", session_search_hint: "会话编号或候选人编号", site: "站点", presence: "在线状态", all: "全部", any_alert: "任一告警",
  csv: "下载 CSV", csv_failed: "无法生成文件。",
  since: "{state} {time}", last_seen: "{time}前收到消息", never_seen: "从未收到消息", last_seen_word: "最近消息", ago: "{time}前",
  health_word: "健康", camera_word: "摄像头", microphone_word: "麦克风", temperature: "温度", version: "版本", outbox: "待发记录", first_seen: "首次出现", board: "主板", addresses: "地址", profile: "策略",
  interview_runs: "面试进行中",
  alert_offline: "离线", alert_policy: "未选择策略", alert_light: "录制指示灯", alert_camera: "摄像头", alert_microphone: "麦克风", alert_analysis: "分析", alert_store: "存储或磁盘", alert_board: "主板：温度或供电", alert_outbox: "待发记录", alert_certificate: "证书", alert_access: "访问", alert_clock: "时钟", alert_configuration: "配置", alert_other: "其他故障", alert_version: "版本不一致",
  booths_none: "还没有收到任何面试间的消息。", booths_no_match: "没有符合条件的面试间。", booths_shown: "共 {total} 个，显示 {shown} 个", list_failed: "现在无法读取列表。",
  booth_unknown: "没有这个名称的面试间。", booth_away: "现在收不到这个面试间的消息，以下为最后的内容。",
  alerts_open: "未解除", alerts_all: "全部", alerts_none: "没有告警。", show: "显示", acknowledge: "确认", acknowledged: "{who} 已确认，{time}", ack_note_label: "备注（可选）",
  ack_failed: "无法记录。", ack_forbidden: "只有操作员可以确认。", until: "{from} – {to}", for_time: "持续 {time}", alerts_now: "{count} 个面试间有告警",
  events_none: "还没有事件。", events_forbidden: "您的令牌不能查看事件。", history_none: "这段时间没有保存数据。", history_label: "{span}：{values}",
  span: "时间", span_1: "最近 1 小时", span_24: "最近 24 小时", span_168: "最近 7 天", span_720: "最近 30 天", processing_video: "画面分析用时", processing_audio: "语音分析用时",
  detail_said_goodbye: "已正常离线，或服务器报告其已断开", detail_is_silent: "收不到任何消息", detail_no_policy_is_chosen: "尚未选择策略，因此不做任何分析：请设置 policy.profile",
  detail_under_voltage: "电源电压不足", detail_over_current: "电流超过允许值，主板已降速", detail_too_hot: "温度过高，主板已降速", detail_throttled: "主板已降频：温度过高或供电不足",
  session_no_start: "未收到开始记录", session_no_end: "进行中，或未收到结束记录",
  token_hint: "令牌在中心首次启动时显示一次，并保存在状态目录的 token 文件中。页面只在本标签页内保留它。",
  fine_print: "中心显示面试间是否正常，以及它们测得的画面和声音数值。系统不计算对人的评分，也不对任何人排名。",
};

Object.assign(EN, FLEET_EN);
Object.assign(ZH, FLEET_ZH);
