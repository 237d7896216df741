// What a strict platform may write, and what it may not.
import { Keyway, type Reason } from "@keyway/connect";

const one: string = "https://connect.example/link/kwl_madeUp";
declare const aborted: AbortSignal;
declare const place: Element;

const outcome = await Keyway.open({ session: one });
if (outcome.reason === undefined) {
  const connection: string = outcome.connectionId;
  const provider: string | undefined = outcome.provider;
  void [connection, provider];
} else {
  const reason: Reason = outcome.reason;
  void reason;
}
if (outcome.connectionId) {
  const connection: string = outcome.connectionId;
  void connection;
}
const { connectionId, reason } = outcome;
const either: string | undefined = connectionId ?? reason;
void either;

const answered = async () => ({ id: "ses_madeUp", link: one, status: "created" });
void Keyway.open({ session: { link: one }, mode: "popup" });
void Keyway.open({ session: answered(), mode: "frame", container: place, signal: aborted });

// @ts-expect-error: there is no session
void Keyway.open({});
// @ts-expect-error: there is no link
void Keyway.open({ session: { id: "ses_madeUp" } });
// @ts-expect-error: there is no such way
void Keyway.open({ session: one, mode: "tab" });
// @ts-expect-error: a selector is no element
void Keyway.open({ session: one, container: "#here" });
// @ts-expect-error: there is no such reason
const wrong: Reason = "bored";
// @ts-expect-error: it may be that nothing is linked
const surely: string = outcome.connectionId;
void [wrong, surely];
