// The globals of this package answer as those of Node.js do.

import assert from "node:assert/strict";
import test from "node:test";
import { domainToASCII } from "node:url";

import { structuredClone } from "../runtime/clone.js";
import { toASCII } from "../runtime/domains.js";
import { TextDecoder, TextEncoder } from "../runtime/encoding.js";
import { answers } from "./cases.js";

const native = globalThis.structuredClone;
// Node.js has it from release 21 on; the engine has it.
ArrayBuffer.prototype.transfer ??= function transfer() {
  return native(this, { transfer: [this] });
};

test("decoders, encoders and clones are those of Node.js", () => {
  const { atob, btoa } = globalThis;
  const ours = answers({ TextDecoder, TextEncoder, structuredClone, atob, btoa });
  const theirs = answers({ ...nodes(), URL: undefined });
  assert.ok(Object.keys(ours).length > 1000);
  for (const [question, answer] of Object.entries(theirs)) assert.equal(ours[question], answer, question);
});

function nodes() {
  const { TextDecoder, TextEncoder, structuredClone, atob, btoa } = globalThis;
  return { TextDecoder, TextEncoder, structuredClone, atob, btoa };
}

// By the standard, whose bytes from 0x80 on are letters: Node.js has them as control characters, depending on its release.
test("latin1 is windows-1252", () => {
  const decoder = new TextDecoder("latin1", { fatal: true });
  assert.equal(decoder.encoding, "windows-1252");
  assert.equal(decoder.decode(Uint8Array.of(0x41, 0x80, 0x81, 0x9f, 0xa0, 0xe9, 0xff)), "A\u20ac\x81\u0178\xa0\xe9\xff");
});

test("names of hosts become ASCII as in Node.js", () => {
  const names = [
    "example.com", "MÜNCHEN.de", "faß.de", "日本語。jp", "bücher.example", "xn--mnchen-3ya.de", "xn--a-ecp.ru", "☕.example",
    "Ｆｕｌｌ.com", "a\u00adb.de", "βόλος.com", "İstanbul.com", "xn--zca.com", "кремль.рф", "مثال.إختبار", "한국.kr", "x.\u0301a",
  ];
  for (const name of names) assert.equal(toASCII(name) ?? "", domainToASCII(name), name);
  for (const name of ["xn--a", "xn--", "xn--MNCHEN-3YA.de.xn--\u00fc", "a\ufffd.de"]) assert.equal(toASCII(name), null, name);
});
