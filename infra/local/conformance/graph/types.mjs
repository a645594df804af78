// Judges answers by the types that Microsoft publishes for Microsoft Graph: each answer becomes an object literal of its
// type, and the compiler says which properties the type does not have and which values it does not take.
import ts from "typescript";

/** @type {{type: string, value: unknown}[]} */
const answers = [];

/**
 * note keeps an answer, without OData's annotations, for the judgement; it returns the answer.
 * @template T
 * @param {string} type a name in microsoft-graph-types
 * @param {T} value
 * @returns {T}
 */
export function note(type, value) {
  answers.push({ type, value: strip(value) });
  return value;
}

/** @param {any} value @returns {any} */
function strip(value) {
  if (Array.isArray(value)) return value.map(strip);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !name.startsWith("@odata."))
      .map(([name, inner]) => [name, strip(inner)]),
  );
}

/**
 * misfits returns what the compiler has against the answers, and how many there were.
 * @returns {{answers: number, misfits: string[]}}
 */
export function judge() {
  const file = "answers.ts";
  const source = ['import type * as graph from "@microsoft/microsoft-graph-types";']
    .concat(answers.map((a, i) => `export const answer${i}: graph.${a.type} = ${JSON.stringify(a.value)};`))
    .join("\n");
  /** @type {ts.CompilerOptions} */
  const options = { strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, skipLibCheck: true };
  const host = ts.createCompilerHost(options);
  const [getSourceFile, fileExists, readFile] = [host.getSourceFile, host.fileExists, host.readFile];
  host.getSourceFile = (name, version, ...rest) => (name === file ? ts.createSourceFile(name, source, version) : getSourceFile.call(host, name, version, ...rest));
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.readFile = (name) => (name === file ? source : readFile.call(host, name));
  const found = ts.getPreEmitDiagnostics(ts.createProgram([file], options, host));
  return { answers: answers.length, misfits: found.map((d) => `${answerOf(d, source)}: ${ts.flattenDiagnosticMessageText(d.messageText, " ")}`) };
}

/** @param {ts.Diagnostic} d @param {string} source */
function answerOf(d, source) {
  const line = source.slice(0, d.start ?? 0).split("\n").length - 2;
  const a = answers[line];
  return a ? `${a.type} ${JSON.stringify(a.value).slice(0, 200)}` : "the answers";
}
