// Messages that the broker refused: the booth's operator sees why, and sends them again.

import { get, messageOf, post } from "../lib/api.js";
import { element, find, findButton, findDialog, setText } from "../lib/dom.js";
import { moment } from "../lib/format.js";
import { t } from "../lib/words.js";

/** @import { OutboxHealth, SentAgain, SetAsideList } from "../lib/wire.js" */

export class SetAside {
  /** @param {() => string | null} token gives the token that is in use */
  constructor(token) {
    this.token = token;
    find("open_set_aside").addEventListener("click", () => this.open());
    find("send_again").addEventListener("click", () => this.sendAgain());
  }

  /**
   * The button is there while messages are set aside, for readers who may look.
   * @param {OutboxHealth | undefined} outbox
   * @param {boolean} isOperator
   */
  show(outbox, isOperator) {
    const button = find("open_set_aside");
    const count = outbox?.set_aside ?? 0;
    button.hidden = !isOperator || count === 0;
    setText(button, t("set_aside_open", { count }));
  }

  open() {
    findDialog("set_aside").showModal();
    setText(find("set_aside_note"), t("loading"));
    this.read();
  }

  async read() {
    try {
      /** @type {SetAsideList} */
      const { rows, total } = await get("/outbox/set-aside", this.token());
      find("set_aside_list").replaceChildren(...rows.map((row) => element("li", {},
        element("b", { text: row.kind }),
        element("span", { text: moment(row.at) }),
        element("small", { text: row.reason }))));
      findButton("send_again").disabled = total === 0;
      setText(find("set_aside_note"), total === 0 ? t("set_aside_none") : t("set_aside_hint", { count: total }));
    } catch (error) {
      setText(find("set_aside_note"), messageOf(error));
    }
  }

  async sendAgain() {
    try {
      /** @type {SentAgain} */
      const { rows } = await post("/outbox/send-again", {}, this.token());
      await this.read();
      setText(find("set_aside_note"), t("sent_again", { count: rows }));
    } catch (error) {
      setText(find("set_aside_note"), messageOf(error));
    }
  }
}
