// The card of the face's actions: ten bars, against this person's own rest. It is there only where
// they are switched on.

import { Card } from "../lib/card.js";
import { ACTIONS, makeBar } from "../lib/expression.js";
import { find, setShare, setText } from "../lib/dom.js";
import { known, NONE, percent } from "../lib/format.js";
import { reasonNoActions } from "../lib/reason.js";
import { t } from "../lib/words.js";

export class ActionsCard {
  constructor() {
    this.card = new Card("actions");
    this.bars = ACTIONS.map((name) => makeBar(name));
    find("actions_bars").replaceChildren(...this.bars.map((bar) => bar.line));
  }

  add() {}

  show(report, context) {
    find("actions").hidden = !context.features?.face_actions;
    const reason = reasonNoActions(report, context);
    const shown = reason === null || reason === "old" ? report?.face_actions : null;
    this.card.tell(reason, "face_yes", { isOld: context.isOld && Boolean(report) });
    for (const { label, name, fill, number } of this.bars) {
      const share = shown?.[label];
      setText(name, t(`action_${label}`));
      setShare(fill, share);
      setText(number, known(share) ? `${percent(share)}%` : NONE);
    }
  }
}
