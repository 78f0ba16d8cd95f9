// Takes invocations from the Lambda runtime API, one after the other, over a connection that is kept. Lambda's own
// client for Node.js makes the same requests, but can't be installed without a C++ toolchain.

import http from "node:http";

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");

function request(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
    const outgoing = http.request({ host, port, agent, method, path: `/2018-06-01/runtime/invocation/${path}`, headers }, (incoming) => {
      const chunks = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("end", () => resolve({ headers: incoming.headers, body: Buffer.concat(chunks) }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

export async function serve(handler) {
  for (;;) {
    const invocation = await request("GET", "next");
    const response = await handler(JSON.parse(invocation.body.toString("utf8")), {});
    await request("POST", `${invocation.headers["lambda-runtime-aws-request-id"]}/response`, JSON.stringify(response));
  }
}
