// Unusual: Node's readline, which redraws the input line below each message.

const net = require("node:net");
const readline = require("node:readline");

const port = Number(process.argv[2] ?? 9999);
const terminal = readline.createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
const connection = net.connect(port, "127.0.0.1");
connection.setNoDelay(true);
let hasLeft = false;

function end(status, why) {
  terminal.close();
  if (why) console.error(`\n${why}`);
  process.exit(status);
}

function show(text) {
  if (text === "") return;
  readline.cursorTo(process.stdout, 0);
  readline.clearScreenDown(process.stdout);
  process.stdout.write(`${text.replace(/\p{Cc}/gu, "?")}\n`);
  terminal.prompt(true);
}

function leave() {
  if (hasLeft) return;
  hasLeft = true;
  connection.end("quit");
  setTimeout(() => end(0), 1000);
}

let begun = Buffer.alloc(0);
let endsInSilence;
let silence;

connection.on("data", (bytes) => {
  clearTimeout(silence);
  begun = Buffer.concat([begun, bytes]);
  for (let at; (at = begun.indexOf("\n")) >= 0; begun = begun.subarray(at + 1)) {
    endsInSilence ??= false;
    show(begun.subarray(0, at).toString().replace(/\r$/, ""));
  }
  if (begun.length > 0 && endsInSilence !== false) {
    silence = setTimeout(() => {
      endsInSilence = true;
      show(begun.toString());
      begun = Buffer.alloc(0);
    }, 50);
  }
});
connection.on("connect", () => terminal.prompt());
connection.on("end", () => {
  show(begun.toString());
  end(hasLeft ? 0 : 1, hasLeft ? "" : "the server has closed the connection");
});
connection.on("error", (error) => end(hasLeft ? 0 : 1, `no server at port ${port}: ${error.message}`));

terminal.on("line", (line) => {
  if (line === "quit") return leave();
  if (line !== "") connection.write(`${line}\n`);
  terminal.prompt();
});
terminal.on("close", leave);
terminal.on("SIGINT", leave);
