// Sends what is meant for Microsoft Graph to the emulator at GRAPH_EMULATOR and refuses every other host, for clients that
// cannot be told another address:
//
//   GRAPH_EMULATOR=http://127.0.0.1:7080 node --import ./emulator.mjs …
//
// The forwarded headers make the emulator write its links as Microsoft Graph does, so that clients follow them.
import http from "node:http";
import https from "node:https";

const graph = "graph.microsoft.com";
const emulator = new URL(process.env.GRAPH_EMULATOR ?? "");
const forwarded = { "x-forwarded-host": graph, "x-forwarded-proto": "https" };

/** @param {string} host */
function refuse(host) {
  throw new Error(`a connection to ${host} was asked for: nothing leaves this machine`);
}

const fetchReal = globalThis.fetch;
/** @type {typeof fetch} */
const toEmulator = async (input, init) => {
  const request = new Request(input, init);
  const url = new URL(request.url);
  if (url.hostname === emulator.hostname) return fetchReal(request);
  if (url.host !== graph) refuse(url.host);
  const body = ["GET", "HEAD"].includes(request.method) ? undefined : await request.arrayBuffer();
  const headers = new Headers(request.headers);
  for (const [name, value] of Object.entries(forwarded)) headers.set(name, value);
  return fetchReal(new URL(url.pathname + url.search, emulator), { method: request.method, headers, body, redirect: "manual" });
};
globalThis.fetch = toEmulator;

// axios, which CLI for Microsoft 365 uses, calls request with options and a callback.
https.request = /** @type {any} */ (
  /** @param {https.RequestOptions} options @param {any} callback */
  (options, callback) => {
    if (options.hostname !== graph) refuse(options.hostname ?? "an unknown host");
    return http.request(
      {
        method: options.method,
        path: options.path,
        headers: { ...options.headers, ...forwarded, host: emulator.host },
        hostname: emulator.hostname,
        port: emulator.port,
      },
      callback,
    );
  }
);
