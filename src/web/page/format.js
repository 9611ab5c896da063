// Numbers as people read them. Nothing here invents a value: what is null stays null.

import { language, t } from "./words.js";

export const NONE = "—";

export const known = (value) => value !== null && value !== undefined;

/** Fixed digits, without a minus in front of a zero. */
export const fixed = (digits) => (value) => value.toFixed(digits).replace(/^-(0(\.0+)?)$/, "$1");

export const whole = fixed(0);
export const percent = (value) => whole(value * 100);
export const degrees = (value) => `${whole(value)}°`;
export const yesNo = (value) => t(value ? "yes" : "no");

/** A length of time in the two units that matter. */
export function duration(ms) {
  const total = Math.max(0, Math.round(ms / 1000));
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  if (h > 0) return `${h} ${t("unit_h")} ${m} ${t("unit_min")}`;
  return m > 0 ? `${m} ${t("unit_min")} ${s} ${t("unit_s")}` : `${s} ${t("unit_s")}`;
}

/** `0:07`, `1:02:07`: a running clock. */
export function stopwatch(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const two = (value) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A moment (ms since 1970) in the reader's own zone and language. */
export function moment(unixMs) {
  const style = { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : "en-GB", style).format(unixMs);
}
