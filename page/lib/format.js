// Numbers as people read them. Nothing here invents a value: what is null stays null.

import { language, t } from "./words.js";

export const NONE = "—";

/**
 * @template T
 * @param {T} value
 * @returns {value is NonNullable<T>}
 */
export const known = (value) => value !== null && value !== undefined;

/**
 * A number that can be written; what comes from elsewhere may be anything.
 * @param {unknown} value
 * @returns {value is number}
 */
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/**
 * Fixed digits, without a minus in front of a zero.
 * @param {number} digits
 * @returns {(value: unknown) => string}
 */
export const fixed = (digits) => (value) => (isNumber(value) ? value.toFixed(digits).replace(/^-(0(\.0+)?)$/, "$1") : NONE);

export const whole = fixed(0);
/** @param {unknown} value */
export const percent = (value) => (isNumber(value) ? whole(value * 100) : NONE);
/** "80%". @param {unknown} value */
export const share = (value) => (isNumber(value) ? `${percent(value)}%` : NONE);
/** @param {unknown} value */
export const degrees = (value) => (isNumber(value) ? `${whole(value)}°` : NONE);
/** @param {unknown} value */
export const yesNo = (value) => t(value ? "yes" : "no");

/** @param {number} s @returns {[hours: number, minutes: number, seconds: number]} */
const parts = (s) => [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];

/**
 * A length of time in the two units that matter.
 * @param {unknown} ms
 */
export function duration(ms) {
  if (!isNumber(ms)) return NONE;
  const [h, m, s] = parts(Math.max(0, Math.round(ms / 1000)));
  if (h > 0) return `${h} ${t("unit_h")} ${m} ${t("unit_min")}`;
  return m > 0 ? `${m} ${t("unit_min")} ${s} ${t("unit_s")}` : `${s} ${t("unit_s")}`;
}

/**
 * `0:07`, `1:02:07`: a running clock.
 * @param {number} ms
 */
export function stopwatch(ms) {
  const [h, m, s] = parts(Math.max(0, Math.floor(ms / 1000)));
  /** @param {number} value */
  const two = (value) => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** The last moment that a date can be, ms since 1970. */
const LAST_MOMENT = 8.64e15;

/**
 * A moment (ms since 1970) in the reader's own zone and language.
 * @param {unknown} unixMs
 */
export function moment(unixMs) {
  if (!isNumber(unixMs) || Math.abs(unixMs) > LAST_MOMENT) return NONE;
  return new Intl.DateTimeFormat(language().locale, { dateStyle: "medium", timeStyle: "short" }).format(unixMs);
}
