// Erasing an interview or a person at the fleet server, and the orders to the booths to do the same.

import { element, find, setText } from "../lib/dom.js";
import { fleet, linkOf, post, query, remove } from "./api.js";
import { known, moment } from "../lib/format.js";
import { t } from "../lib/words.js";

const PAGE = 100;

/** What a booth answers where its configuration takes no such order. */
const NOT_ALLOWED = /not allowed/;

const subjectOf = (session) => session.started?.subject_ref ?? session.summary?.subject_ref ?? null;

/** What an open order waits for, and what a person can do. */
function stateOf({ state, answer, tries, sent_at, ended_at }) {
  if (state !== "open") return [t(`order_${state}`), answer, known(ended_at) ? moment(ended_at) : null].filter(Boolean).join(" · ");
  const sent = tries > 0 ? t("order_sent", { tries, time: moment(sent_at) }) : t("order_waits");
  const todo = NOT_ALLOWED.test(answer ?? "") ? t("order_by_hand") : null;
  return [sent, answer ? t("order_answer", { answer }) : null, todo].filter(Boolean).join(" · ");
}

export class Erasing {
  /** `onErased()` is called when something is gone. */
  constructor(token, onErased) {
    Object.assign(this, { token, onErased, session: null, orders: [], order: null });
    find("erase_no").addEventListener("click", () => find("erase").close());
    find("erase_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.erase();
    });
    find("receipt_close").addEventListener("click", () => find("receipt").close());
    find("orders_all").addEventListener("change", () => this.read());
    find("close_order_no").addEventListener("click", () => find("close_order").close());
    find("close_order_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.closeOrder();
    });
  }

  /** Asks whether this session, or all of its subject, is to be erased. */
  ask(session) {
    this.session = session;
    const subject = subjectOf(session);
    setText(find("erase_what"), [`${session.site} / ${session.booth}`, session.session_id, moment(session.listed_at), subject].filter(Boolean).join(" · "));
    find("erase_subject_row").hidden = subject === null;
    find("erase_subject").checked = false;
    setText(find("erase_subject_word"), t("erase_subject", { subject }));
    setText(find("erase_error"), "");
    find("erase").showModal();
  }

  async erase() {
    const { site, booth, session_id } = this.session;
    const parts = [site, booth, session_id].map(encodeURIComponent).join("/");
    try {
      const receipt = find("erase_subject").checked
        ? await post("/erase", this.token(), { subject_ref: subjectOf(this.session) })
        : await remove(`/sessions/${parts}`, this.token());
      find("erase").close();
      const rows = Object.values(receipt.rows).reduce((sum, count) => sum + count, 0);
      setText(find("receipt_text"), t("fleet_receipt", { sessions: receipt.sessions.length, rows, orders: receipt.orders.length, number: receipt.receipt_id }));
      find("receipt").showModal();
      this.onErased();
    } catch (error) {
      setText(find("erase_error"), t(error.status === 403 ? "erase_forbidden" : "erase_failed"));
    }
    this.read();
  }

  async read() {
    try {
      const open = find("orders_all").checked ? "" : "true";
      this.orders = (await fleet(`/erase/orders${query({ open, limit: PAGE })}`, this.token())).orders;
      setText(find("orders_note"), this.orders.length === 0 ? t("orders_none") : "");
    } catch (error) {
      this.orders = [];
      setText(find("orders_note"), t(error.status === 403 ? "sessions_forbidden" : "list_failed"));
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

  button(order) {
    const name = `${order.site} / ${order.booth} · ${order.session_id}`;
    const button = element("button", { type: "button", text: t("order_close"), "aria-label": `${t("order_close")}: ${name}` });
    button.addEventListener("click", () => {
      this.order = order;
      setText(find("close_order_what"), name);
      setText(find("close_order_error"), "");
      find("close_order_note").value = "";
      find("close_order").showModal();
    });
    return button;
  }

  async closeOrder() {
    try {
      await post(`/erase/orders/${this.order.order_id}/close`, this.token(), { note: find("close_order_note").value.trim() });
      find("close_order").close();
    } catch {
      setText(find("close_order_error"), t("ack_failed"));
    }
    this.read();
  }
}
