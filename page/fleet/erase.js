// Erasing an interview or a person at the fleet server, and the orders to the booths to do the same.

import { statusOf } from "../lib/api.js";
import { element, find, findDialog, findInput, setText } from "../lib/dom.js";
import { known, moment } from "../lib/format.js";
import { t } from "../lib/words.js";
import { get, linkOf, post, query, remove } from "./api.js";

/** @import { Token } from "./api.js" */
/** @import { EraseOrder, FleetEraseReceipt, SessionRow } from "./wire.js" */

const PAGE = 100;

/** What a booth answers where its configuration takes no such order. */
const NOT_ALLOWED = /not allowed/;

/** @param {any} session a SessionRow @returns {string | null} */
const subjectOf = (session) => session.started?.subject_ref ?? session.summary?.subject_ref ?? null;

/**
 * What an open order waits for, and what a person can do.
 * @param {EraseOrder} order
 */
function stateOf({ state, answer, tries, sent_at, ended_at }) {
  if (state !== "open") return [t(`order_${state}`), answer, known(ended_at) ? moment(ended_at) : null].filter(Boolean).join(" · ");
  const sent = tries > 0 ? t("order_sent", { tries, time: moment(sent_at) }) : t("order_waits");
  const todo = NOT_ALLOWED.test(answer ?? "") ? t("order_by_hand") : null;
  return [sent, answer ? t("order_answer", { answer }) : null, todo].filter(Boolean).join(" · ");
}

export class Erasing {
  /**
   * @param {() => Token} token
   * @param {() => void} onErased called when something is gone
   */
  constructor(token, onErased) {
    this.token = token;
    this.onErased = onErased;
    /** @type {SessionRow | null} */
    this.session = null;
    /** @type {EraseOrder[]} */
    this.orders = [];
    /** @type {EraseOrder | null} */
    this.order = null;
    this.dialog = findDialog("erase");
    this.closing = findDialog("close_order");
    this.noteField = /** @type {HTMLTextAreaElement} */ (find("close_order_note"));
    find("erase_no").addEventListener("click", () => this.dialog.close());
    find("erase_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.erase();
    });
    find("receipt_close").addEventListener("click", () => findDialog("receipt").close());
    find("orders_all").addEventListener("change", () => this.read());
    find("close_order_no").addEventListener("click", () => this.closing.close());
    find("close_order_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.closeOrder();
    });
  }

  /**
   * Asks whether this session, or all of its subject, is to be erased.
   * @param {SessionRow} session
   */
  ask(session) {
    this.session = session;
    const subject = subjectOf(session);
    setText(find("erase_what"), [`${session.site} / ${session.booth}`, session.session_id, moment(session.listed_at), subject].filter(Boolean).join(" · "));
    find("erase_subject_row").hidden = subject === null;
    findInput("erase_subject").checked = false;
    setText(find("erase_subject_word"), t("erase_subject", { subject }));
    setText(find("erase_error"), "");
    this.dialog.showModal();
  }

  async erase() {
    if (!this.session) return;
    const { site, booth, session_id } = this.session;
    const parts = [site, booth, session_id].map(encodeURIComponent).join("/");
    try {
      /** @type {FleetEraseReceipt} */
      const receipt = findInput("erase_subject").checked
        ? await post("/erase", { subject_ref: subjectOf(this.session) }, this.token())
        : await remove(`/sessions/${parts}`, this.token());
      this.dialog.close();
      const rows = Object.values(receipt.rows).reduce((sum, count) => sum + count, 0);
      setText(find("receipt_text"), t("fleet_receipt", { sessions: receipt.sessions.length, rows, orders: receipt.orders.length, number: receipt.receipt_id }));
      findDialog("receipt").showModal();
      this.onErased();
    } catch (error) {
      setText(find("erase_error"), t(statusOf(error) === 403 ? "erase_forbidden" : "erase_failed"));
    }
    this.read();
  }

  async read() {
    try {
      const open = findInput("orders_all").checked ? "" : "true";
      this.orders = (await get(`/erase/orders${query({ open, limit: PAGE })}`, this.token())).orders;
      setText(find("orders_note"), this.orders.length === 0 ? t("orders_none") : "");
    } catch (error) {
      this.orders = [];
      setText(find("orders_note"), t(statusOf(error) === 403 ? "sessions_forbidden" : "list_failed"));
    }
    this.show();
  }

  show() {
    find("order_list").replaceChildren(...this.orders.map((order) => {
      const title = element("b", {}, element("a", { href: linkOf(order), text: `${order.site} / ${order.booth}` }), order.session_id ? ` · ${order.session_id}` : "");
      const receipt = t("order_of", { number: order.receipt_id, time: moment(order.created_at) });
      return element("li", { class: order.state === "open" ? "open" : "over" }, title, element("small", { text: stateOf(order) }), element("small", { text: receipt }),
        order.state === "open" ? this.button(order) : null);
    }));
  }

  /** @param {EraseOrder} order */
  button(order) {
    const name = `${order.site} / ${order.booth} · ${order.session_id}`;
    const button = element("button", { type: "button", text: t("order_close"), "aria-label": `${t("order_close")}: ${name}` });
    button.addEventListener("click", () => {
      this.order = order;
      setText(find("close_order_what"), name);
      setText(find("close_order_error"), "");
      this.noteField.value = "";
      this.closing.showModal();
    });
    return button;
  }

  async closeOrder() {
    if (!this.order) return;
    try {
      await post(`/erase/orders/${this.order.order_id}/close`, { note: this.noteField.value.trim() }, this.token());
      this.closing.close();
    } catch {
      setText(find("close_order_error"), t("ack_failed"));
    }
    this.read();
  }
}
