// Reads a document from standard input and prints what the reference parser of AsyncAPI has to say of it, as JSON.
import { text } from "node:stream/consumers";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await text(process.stdin));
console.log(JSON.stringify({ channels: document?.channels().length ?? 0, diagnostics }));
