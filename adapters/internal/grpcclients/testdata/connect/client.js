// Signs in and sends a message, with stubs that protoc-gen-es has made of the .proto files. Prints the
// message and what is refused.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AuthService } from "./gen/cicerone/auth/v1/auth_pb.js";
import { MessagingService } from "./gen/cicerone/messaging/v1/messaging_pb.js";

const [address, email, password, conversation] = process.argv.slice(2);
const transport = createGrpcTransport({ baseUrl: `http://${address}` });
const messaging = createClient(MessagingService, transport);

const { accessToken } = await createClient(AuthService, transport).logIn({ email, password });
const headers = { authorization: `Bearer ${accessToken}` };
const message = await messaging.send({ id: conversation, content: "Olá" }, { headers });
let refused;
try {
  await messaging.send({ id: conversation, content: "Olá" });
} catch (e) {
  refused = Code[ConnectError.from(e).code];
}
const read = [];
for (const m of (await messaging.messages({ id: conversation }, { headers })).items) {
  read.push(m.content);
}
console.log(JSON.stringify({ id: message.id, content: message.content, refused, read }));
process.exit(0); // the connection is still open
