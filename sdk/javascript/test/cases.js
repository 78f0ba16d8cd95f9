// What globals answer to generated questions, as texts: the same questions are put to Node.js, to the modules of this package
// in Node.js, and to a transform.

/** Numbers that are the same each time: a linear congruential generator. */
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

/** What a function answers, or the name of what it throws. */
function outcome(ask) {
  try {
    return ask();
  } catch (error) {
    return `throws ${error.name}`;
  }
}

const codes = (text) => Array.from(text, (character) => character.codePointAt(0).toString(16)).join(" ");

/** All answers, each under its question. */
export function answers(globals) {
  const found = {};
  const ask = (question, answer) => {
    found[question] = outcome(answer);
  };
  decoding(globals, ask);
  encoding(globals, ask);
  cloning(globals, ask);
  base64(globals, ask);
  if (globals.URL !== undefined) urls(globals, ask);
  return found;
}

const PARTS = [
  [0x41], [0xc3, 0xa9], [0xe2, 0x82, 0xac], [0xf0, 0x9f, 0x98, 0x80], [0xef, 0xbb, 0xbf], [0xed, 0xa0, 0x80], [0xc0, 0x80],
  [0xf4, 0x90, 0x80, 0x80], [0xf0, 0x9f], [0xe2, 0x82], [0xff], [0x80], [0xfe, 0xff], [0xff, 0xfe], [0x3d, 0xd8], [0x00, 0xde],
  [0xe0, 0x80], [0xf0, 0x80], [0xf5], [0x0d, 0x0a], [0x25], [0x00],
];

function decoding({ TextDecoder }, ask) {
  const random = generator(1);
  for (const label of ["utf-8", "utf-16le", "utf-16be"]) {
    for (let round = 0; round < 150; round += 1) {
      const bytes = Uint8Array.from(Array.from({ length: random(6) }, () => PARTS[random(PARTS.length)]).flat());
      const options = { fatal: random(2) === 1, ignoreBOM: random(2) === 1 };
      const what = `${label} ${round} ${bytes} ${JSON.stringify(options)}`;
      ask(`decode ${what}`, () => codes(new TextDecoder(label, options).decode(bytes)));
      const cuts = [random(bytes.length + 1), random(bytes.length + 1)].sort((one, other) => one - other);
      ask(`decode in parts ${cuts} ${what}`, () => {
        const decoder = new TextDecoder(label, options);
        const parts = [bytes.subarray(0, cuts[0]), bytes.subarray(cuts[0], cuts[1]), bytes.subarray(cuts[1])];
        const texts = parts.map((part) => codes(decoder.decode(part, { stream: true })));
        return [...texts, codes(decoder.decode()), codes(decoder.decode(Uint8Array.of(0x41, 0x00)))].join("|");
      });
    }
  }
  for (const label of [" UTF8\n", "unicode-1-1-utf-8", "UTF-16", "ascii", "cp1252", "l1", "utf-7", "none", ""]) {
    ask(`the decoder ${label}`, () => new TextDecoder(label).encoding);
  }
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  ask("a long text", () => {
    const text = new TextDecoder().decode(new Uint8Array(100_000).fill(0x61));
    return `${text.length} ${text === "a".repeat(100_000)}`;
  });
  ask("a buffer", () => new TextDecoder().decode(all.buffer.slice(65, 70)));
  ask("a view", () => new TextDecoder().decode(new DataView(all.buffer, 65, 5)));
  ask("no bytes", () => new TextDecoder().decode());
  ask("no buffer", () => new TextDecoder().decode("text"));
}

function encoding({ TextEncoder }, ask) {
  const random = generator(2);
  const characters = ["a", "%", "é", "€", "😀", "\ud83d", "\ude00", "\0", "\uffff", "\ufeff"];
  for (let round = 0; round < 100; round += 1) {
    const text = Array.from({ length: random(8) }, () => characters[random(characters.length)]).join("");
    ask(`encode ${round} ${codes(text)}`, () => String(new TextEncoder().encode(text)));
    const room = random(10);
    ask(`encode ${round} ${codes(text)} into ${room}`, () => {
      const bytes = new Uint8Array(room);
      const { read, written } = new TextEncoder().encodeInto(text, bytes);
      return `${read} ${written} ${bytes}`;
    });
  }
  ask("encode nothing", () => `${new TextEncoder().encode()} ${new TextEncoder().encode(undefined)}`);
  ask("encode a number", () => String(new TextEncoder().encode(12)));
  ask("encode a long text", () => new TextEncoder().encode("é".repeat(50_000)).length);
}

/** A value as a text that says all of it, with what is one and the same. */
function shape(value, seen = []) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (seen.includes(value)) return `#${seen.indexOf(value)}`;
  seen.push(value);
  const again = (inner) => shape(inner, seen);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  const own = Object.keys(value).map((key) => `${JSON.stringify(key)}:${again(value[key])}`);
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (value instanceof RegExp) return `RegExp ${value} ${value.lastIndex}`;
  if (value instanceof Map) return `Map ${Array.from(value, ([key, held]) => `${again(key)}=>${again(held)}`)}`;
  if (value instanceof Set) return `Set ${Array.from(value, again)}`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${new Uint8Array(value)}`;
  if (ArrayBuffer.isView(value)) return `${kind} ${value.byteOffset} ${value.byteLength} of ${again(value.buffer)}`;
  if (value instanceof Error) {
    return `${Object.getPrototypeOf(value).constructor.name} ${value.name} ${again(value.message)} ${typeof value.stack}`;
  }
  if (["Number", "String", "Boolean", "BigInt"].includes(kind)) return `${kind} ${again(value.valueOf())}`;
  const prototype = Object.getPrototypeOf(value) === Object.prototype || Array.isArray(value) ? "" : "of another class ";
  return Array.isArray(value) ? `[${value.length} ${own}]` : `${prototype}{${own}}`;
}

class Point {
  constructor() {
    this.x = 1;
  }
  get y() {
    return 2;
  }
}

function cloning({ structuredClone }, ask) {
  const circle = { name: "circle", list: [] };
  circle.list.push(circle, circle.list);
  const buffer = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer;
  const sparse = [1, , 3];
  sparse.more = true;
  const named = Object.assign(new Error("odd"), { name: "OddError", more: 1 });
  const values = {
    primitives: [undefined, null, true, 1, -0, NaN, Infinity, 10n, "text \ud83d"],
    boxed: [Object(1), Object("ab"), Object(false), Object(5n)],
    dates: [new Date(0), new Date(NaN)],
    patterns: Object.assign(/a(b)/gi, { lastIndex: 2 }),
    circle,
    shared: [circle, circle.list],
    sparse,
    maps: new Map([[{ a: 1 }, new Set([1, "x"])], ["self", circle]]),
    buffers: [buffer, new Uint16Array(buffer, 2, 2), new DataView(buffer, 1, 3), new Uint8Array(buffer)],
    floats: [Float32Array.of(1.5), Float64Array.of(-0, NaN), BigInt64Array.of(5n), Uint8ClampedArray.of(300)],
    errors: [new TypeError("t"), new RangeError("r"), named, new Error("")],
    instance: new Point(),
    prototypeless: Object.assign(Object.create(null), { a: 1 }),
    proto: JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}'),
    symbols: { [Symbol.iterator]: 1, a: 1 },
    getters: { get a() { return [1]; } },
    frozen: Object.freeze([Object.freeze({ a: 1 })]),
    function: () => {},
    method: { deep: [{ method() {} }] },
    symbol: Symbol("s"),
    promise: Promise.resolve(),
    weak: new WeakMap(),
    weakSet: new WeakSet(),
    boxedSymbol: Object(Symbol("s")),
  };
  for (const [name, value] of Object.entries(values)) ask(`clone ${name}`, () => shape(structuredClone(value)));
  ask("clone is another", () => structuredClone(circle) !== circle && structuredClone(circle).list[0] !== circle);
  ask("clone moves", () => {
    const moved = new ArrayBuffer(4);
    const view = structuredClone({ moved, view: new Uint8Array(moved) }, { transfer: [moved] });
    return `${shape(view)} ${moved.byteLength}`;
  });
  ask("clone moves what is not in it", () => {
    const moved = new ArrayBuffer(4);
    return `${structuredClone(1, { transfer: [moved] })} ${moved.byteLength}`;
  });
  ask("clone moves twice", () => {
    const moved = new ArrayBuffer(4);
    return shape(structuredClone(moved, { transfer: [moved, moved] }));
  });
  ask("clone moves nothing where it fails", () => {
    const moved = new ArrayBuffer(4);
    const answer = outcome(() => structuredClone([moved, () => {}], { transfer: [moved] }));
    return `${answer} ${moved.byteLength}`;
  });
  ask("clone moves no text", () => structuredClone("a", { transfer: ["a"] }));
}

function base64({ atob, btoa }, ask) {
  const random = generator(3);
  for (let round = 0; round < 60; round += 1) {
    const text = Array.from({ length: random(9) }, () => String.fromCharCode(random(256))).join("");
    ask(`btoa ${codes(text)}`, () => btoa(text));
    const encoded = Array.from({ length: random(9) }, () => "Aa9+/=- \n"[random(9)]).join("");
    ask(`atob ${JSON.stringify(encoded)}`, () => codes(atob(encoded)));
  }
  ask("btoa of more", () => btoa("€"));
}

const SCHEMES = ["http:", "https://", "HTTPS:", "file:///", "mailto:", "data:", "ws://", "s3://", "//", "/", "", "x:"];
const HOSTS = [
  "example.com", "EXAMPLE.com.", "user:pa ss@host:8080", "[::1]", "[1:2::3]:443", "127.1", "0x7f.1", "1.2.3.256", "münchen.de",
  "xn--mnchen-3ya.de", "faß.de", "a b", "", "host:99999", "日本語。jp", "ex%41mple.org", "a_b.c", "%zz", "[::g]",
];
const PATHS = ["", "/", "/a/./b/../c", "/é ü", "/%7E%zz", "?a=1&b=%20+&a=é", "#frag ment", "/a?x#y", "\\a\\b", "/C|/d", "/..;x"];

function urls({ URL, URLSearchParams }, ask) {
  const random = generator(4);
  const parts = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash", "origin"];
  for (let round = 0; round < 250; round += 1) {
    const text = SCHEMES[random(SCHEMES.length)] + HOSTS[random(HOSTS.length)] + PATHS[random(PATHS.length)];
    const base = random(2) === 1 ? "https://base.example/x/y?z#w" : undefined;
    ask(`url ${round} ${text} ${base}`, () => {
      const url = new URL(text, base);
      return [url.href, ...parts.map((part) => url[part]), ...url.searchParams].join(" | ");
    });
    ask(`url ${round} ${text} ${base} can be parsed`, () => URL.canParse(text, base));
  }
  const set = (part, value) =>
    ask(`set ${part} to ${value}`, () => {
      const url = new URL("https://user@example.com:8080/a?b=1#c");
      url[part] = value;
      return url.href;
    });
  for (const part of ["protocol", "host", "port", "pathname", "search", "hash", "href", "password"]) {
    for (const value of ["http", "x.org:1", "é#?", "", "80", "https://other.org"]) {
      // By the standard a port without digits changes nothing; Node.js takes the port away.
      if (part !== "port" || !value.startsWith("x")) set(part, value);
    }
  }
  ask("parameters", () => {
    const parameters = new URLSearchParams("?a=1&b=2&a=%F0%9F%98%80&=x&c");
    parameters.append("d e", "f&g=é");
    parameters.delete("b");
    parameters.sort();
    return `${parameters} ${parameters.getAll("a")} ${parameters.has("c")} ${parameters.size} ${[...parameters.keys()]}`;
  });
  ask("parameters of a record", () => String(new URLSearchParams({ a: "1 2", b: "ü" })));
  ask("parameters of pairs", () => String(new URLSearchParams([["a", "~*"], ["a", "\ud83d"]])));
  ask("parameters change the address", () => {
    const url = new URL("https://a.b/?x=1");
    url.searchParams.set("x", "ä b");
    return `${url} ${JSON.stringify(url)}`;
  });
}
