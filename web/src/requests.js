// Requests to the program: one at a time, and of those that wait the newest of a kind.

export class Requests {
  /** `channel` sends objects; `answered` is called with each answer and the key of its request. */
  constructor(channel, answered) {
    this.channel = channel;
    this.answered = answered;
    this.waiting = [];
    this.current = null;
    this.number = 0;
  }

  /** Ask; of requests with the same key only the newest is sent. Resolves to the answer, or null. */
  send(message, key = null) {
    if (!this.channel.isOpen()) return Promise.resolve(null); // when it opens, all is shown anew
    return new Promise((resolve) => {
      const place = key === null ? -1 : this.waiting.findIndex((each) => each.key === key);
      if (place >= 0) {
        this.waiting[place].resolve(null);
        this.waiting[place] = { message, key, resolve };
      } else {
        this.waiting.push({ message, key, resolve });
      }
      this.next();
    });
  }

  next() {
    if (this.current !== null || !this.waiting.length) return;
    this.current = this.waiting.shift();
    this.number += 1;
    this.current.id = this.number;
    this.channel.send({ id: this.number, ...this.current.message });
  }

  /** An answer, or sections that are pushed without being asked for. */
  receive(answer) {
    if (this.current === null || answer.id !== this.current.id) {
      this.answered(answer);
      return;
    }
    const { resolve, key } = this.current;
    this.current = null;
    if (this.isBehind(answer.show?.moved)) delete answer.show.moved;
    this.answered(answer, key);
    resolve(answer);
    this.next();
  }

  /** Whether a point is to be changed further by what waits: it is drawn so already. */
  isBehind(moved) {
    const isOfPoint = ({ message }) =>
      ["move", "change"].includes(message.do) && message.point === moved.point;
    return Boolean(moved) && this.waiting.some(isOfPoint);
  }

  /** The connection is lost: what was asked for will not be answered. */
  drop() {
    const lost = [this.current, ...this.waiting].filter(Boolean);
    this.current = null;
    this.waiting = [];
    for (const each of lost) each.resolve(null);
  }
}
