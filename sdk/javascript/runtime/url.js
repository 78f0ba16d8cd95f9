// `URL` and `URLSearchParams`, by the library of their standard. It is a part of the component only where the code names one
// of the two, and starts when one is used first.

const load = () => require("whatwg-url");

export const urls = { URL: () => load().URL, URLSearchParams: () => load().URLSearchParams };
