/** What `POST /v1/sessions` answered: its `link` is what counts here. */
export interface Session {
  readonly link: string;
}

export interface Options {
  /**
   * The session: its link, what `POST /v1/sessions` answered, or a promise of either. A promise lets a popup be opened in the
   * click itself, before the backend has answered: what is opened later may be blocked.
   */
  readonly session: string | Session | PromiseLike<string | Session>;
  /** A window of its own, or a frame in this page. `"popup"` without it. */
  readonly mode?: "popup" | "frame" | undefined;
  /** What a frame is put into, as large as this is. Without it a frame is in a dialog of its own. */
  readonly container?: Element | undefined;
  /** Ends it: the window or frame goes away, and the promise is rejected with the signal's reason. The session stays. */
  readonly signal?: AbortSignal | undefined;
}

/** An account is linked, or its connection has a new key. */
export interface Connected {
  /** The connection's id, for the platform's backend. */
  readonly connectionId: string;
  /** The provider's id; nothing where this page's Content-Security-Policy does not let the hub be asked. */
  readonly provider: string | undefined;
  readonly reason?: undefined;
}

/**
 * Nothing is linked, but for `unknown`:
 * - `closed`: the window or frame was closed before the end.
 * - `cancelled`: the person said no.
 * - `expired`: the link was used already, or its time is over: make another session.
 * - `blocked`: the browser did not let a window open: call `open` in a click.
 * - `unknown`: the window or frame was closed, and what came of it could not be asked: the hub is not reached, or this page's
 *   Content-Security-Policy has it not in `connect-src`. An account may be linked: the backend knows.
 */
export type Reason = "closed" | "cancelled" | "expired" | "blocked" | "unknown";

export interface NotConnected {
  readonly reason: Reason;
  readonly connectionId?: undefined;
}

export interface Keyway {
  /**
   * Opens a session, and resolves once it is over. Call it in a click.
   *
   * The session's `parent_origin` has to be this page's origin, `location.origin`: nobody else gets to know what came of it.
   * `http://localhost:3000` and `http://127.0.0.1:3000` are two, and so are `https://example.com` and `https://www.example.com`. Keys never
   * reach this page. What came of a session is also an event and a webhook: a platform that has to know listens to those.
   *
   * It is rejected where `session` has no link (a `TypeError`), was not made for this page's origin (an `Error` that names it), or is
   * rejected itself, and where `signal` ends it.
   */
  open(options: Options): Promise<Connected | NotConnected>;
}

export declare const Keyway: Keyway;
