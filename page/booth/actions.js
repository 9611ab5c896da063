// The card of the face's actions: ten bars, against this person's own rest. It is there only where
// they are switched on.

import { Card } from "../lib/card.js";
import { find, setShare, setText } from "../lib/dom.js";
import { makeBar } from "../lib/expression.js";
import { share } from "../lib/format.js";
import { ACTIONS } from "../lib/metrics.js";
import { reasonNoActions } from "../lib/reason.js";
import { t } from "../lib/words.js";

/** @import { Context } from "../lib/reason.js" */
/** @import { VisualReport } from "../lib/wire.js" */

export class ActionsCard {
  constructor() {
    this.card = new Card("actions");
    this.bars = ACTIONS.map((action) => ({ action, ...makeBar() }));
    this.trend = null;
    find("actions_bars").replaceChildren(...this.bars.map((bar) => bar.line));
  }

  add() {
    // It shows only what is now.
  }

  /** @param {VisualReport | null} report @param {Context} context */
  show(report, context) {
    find("actions").hidden = !context.features?.face_actions;
    const reason = reasonNoActions(report, context);
    const shown = reason === null || reason === "old" ? report?.face_actions : null;
    this.card.update(reason, "face_yes", { isOld: context.isOld && Boolean(report) });
    for (const { action, name, fill, number } of this.bars) {
      const extent = shown?.[action];
      setText(name, t(`action_${action}`));
      setShare(fill, extent);
      setText(number, share(extent));
    }
  }
}
