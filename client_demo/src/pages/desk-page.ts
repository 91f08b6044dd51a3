// What the two staff pages share: signing in, the desk, telling what was refused.

import { state, query } from "lit/decorators.js";
import { signInStaff } from "../link/account";
import { Api } from "../link/api";
import type { Refused } from "../link/ask";
import { showNamed, showToOpen } from "../link/boot";
import { Desk, type Turn } from "../link/desk";
import { Session } from "../link/session";
import type { Question } from "../parts/confirm-sheet";
import type { Gate } from "../parts/desk-gate";
import { Part } from "../parts/part";
import type { Toast } from "../parts/toast";
import { pick } from "../pure/language";
import type { Notice, Role } from "../wire";

export abstract class DeskPage extends Part {
  @state() protected gate: Gate | null = "joining";
  @state() protected desk: Desk | null = null;
  @state() protected question: Question | null = null;
  @query("dc-toast") protected toast!: Toast;
  protected readonly api: Api;
  readonly #roles: readonly Role[];

  constructor(role: "host" | "moderator", roles: readonly Role[]) {
    super();
    this.api = new Api(new Session(role));
    this.#roles = roles;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("turn", (event) => {
      const { deal, turn } = (event as CustomEvent<{ deal: string; turn: Turn }>).detail;
      this.#turn(deal, turn);
    });
    this.addEventListener("answered", () => (this.question = null));
    this.addEventListener("refused", (event) => this.refuse((event as CustomEvent<Refused>).detail));
    void this.#begin();
  }

  protected refuse({ code, title, detail }: Refused): void {
    this.toast.say(this.speaking.why(code, title ?? detail), "bad");
  }

  async #begin(): Promise<void> {
    const signed = await signInStaff(this.api, this.#roles);
    if (signed !== "yes") {
      this.gate = signed;
      return;
    }
    const { show } = this.api.session;
    const named = new URLSearchParams(location.search).get("show") ?? (show === "*" ? null : show);
    const view = named === null ? await showToOpen(this.api) : await showNamed(this.api, named);
    if (view === null) {
      this.gate = "no_show";
      return;
    }
    this.desk = new Desk(this.api, view.id);
    this.watch(this.desk.show, "board");
    this.desk.show.on<Notice>("/live notice", ({ code }) => {
      if (code === "recovered") this.toast.say(this.t.restored_desk);
    });
    this.desk.show.addEventListener("link", () => this.#refusedAtDoor());
    this.gate = null;
    this.joined(this.desk);
  }

  /** Called once, when there is a desk. */
  protected joined(_desk: Desk): void {}

  /** A token that the server does not take any more is no use to keep. */
  #refusedAtDoor(): void {
    const { show } = this.desk ?? {};
    if (show?.state !== "refused") return;
    if (show.code !== "token_invalid" && show.code !== "token_expired") return;
    this.api.session.forget();
    show.close();
    this.desk = null;
    this.gate = "missing";
  }

  #turn(id: string, turn: Turn): void {
    const deal = this.desk?.show.board.deals[id];
    if (deal === undefined) return;
    const name = pick(deal.product.title, this.speaking.language);
    const words: Record<Turn, [string, string]> = {
      open: [this.t.deal_open, this.t.deal_open_why],
      pause: [this.t.deal_pause, this.t.deal_pause_why],
      resume: [this.t.deal_resume, this.t.deal_open_why],
      close: [this.t.deal_close, this.t.deal_close_why],
    };
    const [act, what] = words[turn];
    this.question = {
      title: this.t.because(act, name),
      what,
      act,
      reason: turn === "pause" || turn === "close",
      seen: true,
      then: async (reason) => {
        const answer = await this.desk?.turn(id, turn, reason);
        if (answer !== undefined && !answer.ok) this.refuse(answer);
      },
    };
  }
}
