// A small round picture of a direction: where the head points, or where the eyes look.

import { drawing } from "./dom.js";
import { isNumber } from "./format.js";

const RADIUS = 46;

/** @typedef {{yaw_deg: number, pitch_deg: number, roll_deg?: number}} Angles */

/**
 * Shows yaw and pitch as a dot, as the camera's picture shows them: yaw + is to its left, pitch + up.
 */
export class Dial {
  /**
   * @param {Element} host
   * @param {object} options
   * @param {number} options.range_deg the rim
   * @param {{yaw: number, pitch: number} | null} [options.cone_deg] draws the ellipse of eye contact
   * @param {boolean} [options.hasRoll] adds the head's axis
   */
  constructor(host, { range_deg, cone_deg = null, hasRoll = false }) {
    this.range_deg = range_deg;
    /** @param {number} r @param {string} name */
    const ring = (r, name) => drawing("circle", { cx: 0, cy: 0, r, class: name });
    const scale = RADIUS / range_deg;
    const cone = cone_deg && drawing("ellipse", { cx: 0, cy: 0, rx: scale * cone_deg.yaw, ry: scale * cone_deg.pitch, class: "cone" });
    const cross = drawing("path", { d: `M-${RADIUS} 0H${RADIUS}M0-${RADIUS}V${RADIUS}`, class: "cross" });
    const head = [
      drawing("ellipse", { cx: 0, cy: 0, rx: 13, ry: 17, class: "head" }),
      drawing("path", { d: "M0-17V17M-7-4H7", class: "axis" }),
    ];
    this.mark = drawing("g", { class: "mark" }, ...(hasRoll ? head : [ring(5, "dot")]));
    this.svg = drawing("svg", { viewBox: "-50 -50 100 100", class: "dial", role: "img" },
      ring(RADIUS, "rim"), cone, cross, this.mark);
    host.replaceChildren(this.svg);
  }

  /**
   * @param {Angles | null} angles null where the direction is not known
   * @param {string} label the same in words
   * @param {boolean} [isInside] the cone
   */
  show(angles, label, isInside = false) {
    this.svg.setAttribute("aria-label", label);
    this.svg.classList.toggle("inside", isInside);
    this.svg.classList.toggle("unknown", !isNumber(angles?.yaw_deg));
    if (!isNumber(angles?.yaw_deg) || !isNumber(angles.pitch_deg)) return;
    const scale = RADIUS / this.range_deg;
    let [x, y] = [-angles.yaw_deg * scale, -angles.pitch_deg * scale];
    const length = Math.hypot(x, y);
    if (length > RADIUS) [x, y] = [(x * RADIUS) / length, (y * RADIUS) / length];
    const roll_deg = isNumber(angles.roll_deg) ? angles.roll_deg : 0;
    this.mark.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${roll_deg.toFixed(1)})`);
  }
}
