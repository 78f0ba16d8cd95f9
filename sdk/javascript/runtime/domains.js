// Names of hosts for `URL`. Its library asks for the tables of Unicode's TR 46, which would more than double a component. The
// engine's own normal forms do the same for names that are in use; what is left out is the check whether each character is
// one that registries allow.

import punycode from "punycode/punycode.es6.js";

/** Characters that a name is read without: the soft hyphen, joiners of words, and selectors of a glyph. */
const IGNORED = /[\u00ad\u200b\u2060\ufeff\u034f\u180b-\u180d\ufe00-\ufe0f]/g;

/** Dots of other scripts. */
const DOTS = /[\u3002\uff0e\uff61]/g;

const NOT_ASCII = /[^\x00-\x7f]/;

/** The name in ASCII; null: it is none. */
export function toASCII(domain) {
  const name = NOT_ASCII.test(domain) ? normal(domain) : domain.toLowerCase();
  const labels = name.split(".").map((label) => (label.startsWith("xn--") ? checked(label) : encoded(label)));
  return labels.includes(null) ? null : labels.join(".");
}

function normal(domain) {
  return domain.replace(IGNORED, "").normalize("NFKC").toLowerCase().normalize("NFKC").replace(DOTS, ".");
}

function encoded(label) {
  if (!NOT_ASCII.test(label)) return label;
  // A mark belongs to a letter before it; a replacement character is what could not be read.
  if (/^\p{M}/u.test(label) || /[\ufffd\p{C}]/u.test(label)) return null;
  return `xn--${punycode.encode(label)}`;
}

/** A label that is encoded already, if it is what its text is encoded as. */
function checked(label) {
  try {
    const text = punycode.decode(label.slice(4));
    return NOT_ASCII.test(text) && normal(text) === text && encoded(text) === label ? label : null;
  } catch {
    return null;
  }
}
