// A tiny SMTP receiver for the mock, so that the same scenarios (mail comes in by SMTP) run against it and the real server.

import { createServer } from "node:net";

export function startSmtp(port, deliver) {
  const server = createServer((socket) => {
    let buffer = Buffer.alloc(0);
    let recipients = [];
    let inData = false;
    const say = (line) => socket.write(line + "\r\n");
    socket.on("error", () => undefined);
    say("220 mock ESMTP");
    const command = (line) => {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO") return say("250-mock\r\n250-8BITMIME\r\n250 SMTPUTF8");
      if (verb === "RCPT") recipients.push(/<([^>]*)>/.exec(line)?.[1] ?? "");
      if (verb === "DATA") {
        inData = true;
        return say("354 go on");
      }
      if (verb === "QUIT") return socket.end("221 bye\r\n");
      if (verb === "RSET" || verb === "MAIL") recipients = [];
      say("250 ok");
    };
    socket.on("data", (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (;;) {
        if (inData) {
          const end = buffer.indexOf("\r\n.\r\n");
          if (end < 0) return;
          const body = buffer.subarray(0, end + 2).toString("latin1").replace(/^\.\./gm, ".");
          buffer = buffer.subarray(end + 5);
          inData = false;
          deliver(Buffer.from(body, "latin1"), recipients);
          recipients = [];
          say("250 stored");
          continue;
        }
        const end = buffer.indexOf("\r\n");
        if (end < 0) return;
        const line = buffer.subarray(0, end).toString("latin1");
        buffer = buffer.subarray(end + 2);
        command(line);
      }
    });
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}
