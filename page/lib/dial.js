// A small round picture of a direction: where the head points, or where the eyes look.

import { drawing } from "./dom.js";
import { isNumber } from "./format.js";

const RADIUS = 46;

/**
 * Shows yaw and pitch as a dot, as the camera's picture shows them: yaw + is to its left, pitch + up.
 * `range_deg` is the rim; `cone_deg` draws the ellipse of eye contact; `hasRoll` adds the head's axis.
 */
export class Dial {
  constructor(host, { range_deg, cone_deg = null, hasRoll = false }) {
    this.range_deg = range_deg;
    const ring = (r, name) => drawing("circle", { cx: 0, cy: 0, r, class: name });
    const scale = RADIUS / range_deg;
    const cone = cone_deg && drawing("ellipse", { cx: 0, cy: 0, rx: scale * cone_deg.yaw, ry: scale * cone_deg.pitch, class: "cone" });
    const cross = drawing("path", { d: `M-${RADIUS} 0H${RADIUS}M0-${RADIUS}V${RADIUS}`, class: "cross" });
    this.dot = ring(5, "dot");
    const head = [
      drawing("ellipse", { cx: 0, cy: 0, rx: 13, ry: 17, class: "head" }),
      drawing("path", { d: "M0-17V17M-7-4H7", class: "axis" }),
    ];
    this.mark = drawing("g", { class: "mark" }, ...(hasRoll ? head : [this.dot]));
    this.svg = drawing("svg", { viewBox: "-50 -50 100 100", class: "dial", role: "img" },
      ring(RADIUS, "rim"), cone, cross, this.mark);
    host.replaceChildren(this.svg);
  }

  /** `angles` is null when the direction is not known; `label` says the same in words. */
  show(angles, label, isInside = false) {
    this.svg.setAttribute("aria-label", label);
    this.svg.classList.toggle("inside", isInside);
    this.svg.classList.toggle("unknown", !isNumber(angles?.yaw_deg));
    if (!isNumber(angles?.yaw_deg) || !isNumber(angles.pitch_deg)) return;
    const scale = RADIUS / this.range_deg;
    let [x, y] = [-angles.yaw_deg * scale, -angles.pitch_deg * scale];
    const length = Math.hypot(x, y);
    if (length > RADIUS) [x, y] = [(x * RADIUS) / length, (y * RADIUS) / length];
    this.mark.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${(isNumber(angles.roll_deg) ? angles.roll_deg : 0).toFixed(1)})`);
  }
}
