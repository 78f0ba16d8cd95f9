// What JSON.parse loses: how values are written. Its numbers have 53 bits, so that an identifier of more is another one.

/**
 * The members of an object or array, each with its value as it is written. The text has to be valid JSON: JSON.parse says
 * whether it is.
 */
export function members(json) {
  const found = [];
  const isArray = json[0] === "[";
  let depth = 0;
  let start = 0;
  let name = null;
  for (let at = 0; at < json.length; at += 1) {
    switch (json.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(json, at);
        break;
      case 0x3a: // :
        if (depth === 1) {
          name = JSON.parse(json.slice(start, at));
          start = at + 1;
        }
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth === 1) start = at + 1;
        break;
      case 0x2c: // ,
      case 0x5d: // ]
      case 0x7d: {
        // }
        if (depth === 1) {
          const value = json.slice(start, at).trim();
          if (value !== "") found.push({ name: isArray ? String(found.length) : name, value });
          start = at + 1;
        }
        if (json[at] !== ",") depth -= 1;
        break;
      }
    }
  }
  return found;
}

/** Where the string that begins at this quote has its last one. */
function endOfString(json, at) {
  for (;;) {
    at = json.indexOf('"', at + 1);
    let before = at;
    while (json[before - 1] === "\\") before -= 1;
    // A quote behind an odd number of backslashes is part of the string.
    if ((at - before) % 2 === 0) return at;
  }
}

/** A value of JSON as it is written, and what is in it. */
export class Written {
  constructor(json) {
    this.json = json;
    this.members = null;
  }

  /** The value that lies at a path of names; undefined: there is none. Of a repeated field it is the last. */
  at(path) {
    return path.reduce((value, name) => value?.member(name), this);
  }

  member(name) {
    if (this.members === null) {
      const isHolder = this.json[0] === "{" || this.json[0] === "[";
      const all = isHolder ? members(this.json) : [];
      this.members = new Map(all.map(({ name, value }) => [name, new Written(value)]));
      if (this.json[0] === "[") this.members.set("length", new Written(String(all.length)));
    }
    return this.members.get(name);
  }
}
