// The WebSocket: connects, authenticates, watches the booth, and comes back after a loss.

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** `on` has `state(name)`, `report(type, data)` and `refused()`. */
export class Connection {
  constructor(on) {
    this.on = on;
    this.token = null;
    this.socket = null;
    this.retryMs = FIRST_RETRY_MS;
    this.timer = null;
  }

  open(token) {
    this.token = token;
    clearTimeout(this.timer);
    this.socket?.close();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/multimodal-analysis`);
    this.socket = socket;
    this.on.state("connecting");
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(JSON.parse(event.data));
    };
    socket.onclose = () => {
      if (socket === this.socket) this.retry();
    };
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  send(type, data) {
    this.socket.send(JSON.stringify({ type, data }));
  }

  receive(message) {
    switch (message.type) {
      case "connected":
        this.send("auth", { session_id: `page-${message.data.connection_id}`, access_token: this.token });
        break;
      case "auth_success":
        this.send("watch", { stream: "booth" });
        break;
      case "auth_error":
        this.close();
        this.on.refused();
        break;
      case "watching":
        this.retryMs = FIRST_RETRY_MS;
        this.on.state("live");
        break;
      case "visual_analysis":
      case "audio_analysis":
        this.on.report(message.type, message.data);
        break;
    }
  }

  retry() {
    this.on.state("lost");
    // Jitter, so that many pages do not come back at once.
    const wait = this.retryMs * (0.75 + Math.random() / 2);
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    this.timer = setTimeout(() => this.open(this.token), wait);
  }
}
