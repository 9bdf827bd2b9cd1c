// What the page knows: the sections that the program has sent, merged.

export class Store {
  constructor() {
    this.sections = { words: {}, sides: [] };
    this.listeners = new Map();
  }

  /** Call back with a section's value now and whenever it changes. */
  on(section, callback) {
    if (!this.listeners.has(section)) this.listeners.set(section, []);
    this.listeners.get(section).push(callback);
    if (section in this.sections) callback(this.sections[section], this.sections[section]);
  }

  get(section) {
    return this.sections[section];
  }

  /** Merge the sections of an answer and tell who listens. */
  merge(sections) {
    const changed = [];
    for (const [name, value] of Object.entries(sections)) {
      if (name === "sides") this.mergeSides(value, changed);
      else if (name === "moved") this.move(value, changed);
      else {
        const isPart = name === "images" && this.sections.images && value;
        this.sections[name] = isPart ? { ...this.sections.images, ...value } : value;
        changed.push([name, value]);
      }
    }
    // Words and points come before what is drawn with them.
    const order = ["words", "classes", "box", "points", "moved", "selected"];
    const rank = ([name]) => (order.includes(name) ? order.indexOf(name) : order.length);
    changed.sort((one, other) => rank(one) - rank(other));
    for (const [name, value] of changed) {
      const listeners = [...(this.listeners.get(name) ?? [])]; // one may add or drop others
      for (const callback of listeners) callback(this.sections[name], value);
    }
  }

  mergeSides(changes, changed) {
    const sides = changes.map((change, k) => ({ ...this.sections.sides[k], ...change }));
    const same = sides.length === this.sections.sides.length;
    this.sections.sides = sides;
    if (!same) changed.push(["sides", changes]);
    changes.forEach((change, k) => {
      for (const [name, value] of Object.entries(same ? change : sides[k])) {
        this.sections[`side${k}.${name}`] = value;
        changed.push([`side${k}.${name}`, value]);
      }
    });
  }

  move(moved, changed) {
    const points = this.sections.points;
    points.x[moved.point] = moved.x;
    points.y[moved.point] = moved.y;
    points.label[moved.point] = moved.label;
    points.held_out[moved.point] = moved.held_out;
    this.sections.moved = moved;
    changed.push(["moved", moved]);
  }

  /** A part of the page, whose listeners can be dropped together. */
  scope() {
    return new Scope(this);
  }
}

class Scope {
  constructor(store) {
    this.store = store;
    this.own = [];
  }

  on(section, callback) {
    this.own.push([section, callback]);
    this.store.on(section, callback);
  }

  get(section) {
    return this.store.get(section);
  }

  drop() {
    for (const [section, callback] of this.own) {
      const listeners = this.store.listeners.get(section) ?? [];
      const place = listeners.indexOf(callback);
      if (place >= 0) listeners.splice(place, 1);
    }
    this.own = [];
  }
}
