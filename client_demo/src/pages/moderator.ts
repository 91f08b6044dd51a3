// The moderator's desk.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import "../features/chat/chat-say";
import { Speech } from "../features/chat/speech";
import "../features/moderation/audit-feed";
import "../features/moderation/mod-chat";
import { Mutes, type MutedPerson } from "../features/moderation/mutes";
import type { Desk } from "../link/desk";
import "../parts/banner";
import "../parts/confirm-sheet";
import "../parts/deal-board";
import "../parts/desk-gate";
import "../parts/desk-top";
import { base } from "../parts/part";
import { applyTheme } from "../parts/switches";
import "../parts/toast";
import type { Chat } from "../wire";
import { DeskPage } from "./desk-page";
import { deskStyles } from "./desk-styles";

applyTheme();

const MUTE_S = [60, 600, 3600, 86_400] as const;
const SLOW_S = [0, 3, 5, 10, 30] as const;
const DELETED_MAX = 100;

@customElement("dc-moderator")
export class Moderator extends DeskPage {
  #mutes: Mutes | null = null;
  #speech: Speech | null = null;

  static override styles = [
    base,
    deskStyles,
    css`
      .columns {
        grid-template-columns: minmax(0, 1fr) minmax(24rem, 30rem) 19rem;
      }
      .side {
        display: grid;
        grid-template-rows: minmax(8rem, 2fr) minmax(0, 3fr);
        gap: var(--s-4);
        min-height: 0;
      }
      .panel > header h2 {
        font-size: inherit;
        font-weight: inherit;
      }
      .panel > header label {
        display: inline-flex;
        align-items: center;
        gap: var(--s-2);
        margin-left: auto;
        color: var(--ink-2);
        font-size: var(--size-2);
        font-weight: 400;
      }
      select {
        min-height: 2rem;
        padding: 0 var(--s-2);
        border: 1px solid var(--edge);
        border-radius: var(--r-1);
        background: var(--surface);
      }
      .say {
        padding: var(--s-3) var(--s-4);
        border-top: 1px solid var(--edge);
        --say-bg: var(--page);
        --say-edge: var(--edge);
        --say-ink: var(--ink);
        --say-ink-2: var(--ink-3);
      }
      .muted li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: 0 var(--s-2);
        padding: var(--s-2) var(--s-4);
        font-size: var(--size-2);
      }
      .muted li + li {
        border-top: 1px solid var(--edge);
      }
      .muted b {
        font-weight: 650;
      }
      .muted small {
        display: block;
        color: var(--ink-2);
        font-size: var(--size-1);
      }
      .over {
        overflow-y: auto;
      }
      @media (max-width: 84rem) {
        .columns {
          grid-template-columns: minmax(0, 1.15fr) minmax(22rem, 1fr);
          grid-template-rows: minmax(0, 1.4fr) minmax(0, 1fr);
        }
        .chat {
          grid-row: 1 / -1;
        }
        .side {
          grid-template-columns: minmax(0, 1fr) minmax(0, 1.2fr);
          grid-template-rows: minmax(0, 1fr);
        }
      }
    `,
  ];

  constructor() {
    super("moderator", ["moderator", "host", "assistant"]);
  }

  protected override joined(desk: Desk): void {
    this.#mutes = new Mutes(desk);
    this.#speech = new Speech(desk.show);
    this.watch(this.#mutes, "change");
    void desk.readProducts();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const lineOf = (event: Event): Chat => (event as CustomEvent<Chat>).detail;
    this.addEventListener("delete-line", (event) => void this.#delete([lineOf(event)], ""));
    this.addEventListener("delete-all", (event) => this.#askDeleteAll(lineOf(event)));
    this.addEventListener("mute", (event) => this.#askMute(lineOf(event)));
  }

  override render(): TemplateResult {
    document.title = `${this.t.moderator_desk} · Dealcast`;
    const { desk } = this;
    if (this.gate !== null || desk === null) {
      return html`<dc-desk-gate
        .gate=${this.gate ?? "joining"}
        .name=${this.t.moderator_desk}
      ></dc-desk-gate>`;
    }
    const muted = this.#mutes?.list(desk.show.clock.now()) ?? [];
    return html`<div class="desk">
        <dc-desk-top .desk=${desk} .name=${this.t.moderator_desk}></dc-desk-top>
        <dc-banner .show=${desk.show}></dc-banner>
        <main class="columns">
          <section class="panel chat" aria-label=${this.t.chat_live}>
            <header>
              <h2>${this.t.chat_live}</h2>
              ${this.#slow(desk)}
            </header>
            <dc-mod-chat
              class="fill"
              .show=${desk.show}
              .muted=${new Set(muted.map((one) => one.person))}
            ></dc-mod-chat>
            <dc-chat-say class="say" .speech=${this.#speech}></dc-chat-say>
          </section>
          <section class="panel" aria-label=${this.t.deals}>
            <h2>${this.t.deals}</h2>
            <div class="fill scroll"><dc-deal-board .desk=${desk}></dc-deal-board></div>
          </section>
          <div class="side">
            <section class="panel" aria-label=${this.t.mutes}>
              <h2>${this.t.mutes}</h2>
              <div class="fill over">${this.#muted(muted, desk)}</div>
            </section>
            <section class="panel" aria-label=${this.t.audit}>
              <h2>${this.t.audit}</h2>
              <dc-audit-feed
                class="fill over"
                .desk=${desk}
                .nameOf=${(person: string) => this.#nameOf(person, desk)}
              ></dc-audit-feed>
            </section>
          </div>
        </main>
      </div>
      <dc-confirm .question=${this.question}></dc-confirm>
      <dc-toast desk></dc-toast>`;
  }

  #slow(desk: Desk): TemplateResult {
    const now = Math.round(desk.show.board.slow_ms / 1000);
    const choices = SLOW_S.some((seconds) => seconds === now) ? SLOW_S : [...SLOW_S, now];
    return html`<label
      >${this.t.slow}
      <select
        data-testid="slow-mode"
        .value=${String(now)}
        @change=${(event: Event) =>
          void this.#setSlow(Number((event.target as HTMLSelectElement).value))}
      >
        ${choices.map(
          (seconds) =>
            html`<option value=${seconds} ?selected=${seconds === now}>
              ${seconds === 0 ? this.t.slow_off : this.t.seconds(seconds)}
            </option>`,
        )}
      </select></label
    >`;
  }

  #muted(muted: readonly MutedPerson[], desk: Desk): TemplateResult {
    if (muted.length === 0) {
      return html`<div class="empty" data-testid="mutes-empty">${this.t.mutes_empty}</div>`;
    }
    const time = (at: number): string =>
      new Date(at).toLocaleTimeString(this.speaking.language, { hour12: false });
    return html`<ul class="muted">
      ${muted.map(
        ({ person, name, until_at, reason }) =>
          html`<li data-testid="muted-${person}">
            <p>
              <b>${name === "" ? this.#nameOf(person, desk) : name}</b>
              <small class="num">
                ${until_at === null ? nothing : this.t.until(time(until_at))} ${reason}
              </small>
            </p>
            <button
              class="button small"
              data-testid="unmute-${person}"
              @click=${() => void this.#unmute(person)}
            >
              ${this.t.unmute}
            </button>
          </li>`,
      )}
    </ul>`;
  }

  #nameOf(person: string, desk: Desk): string {
    const known = this.#mutes?.list(0).find((one) => one.person === person)?.name ?? "";
    if (known !== "") return known;
    return desk.show.board.lines.find((line) => line.user.id === person)?.user.name ?? person;
  }

  #askDeleteAll(line: Chat): void {
    const { user } = line;
    const lines = (this.desk?.show.board.lines ?? []).filter((one) => one.user.id === user.id);
    this.question = {
      title: this.t.delete_all,
      what: this.t.delete_all_why(user.name, lines.length),
      act: this.t.delete,
      reason: true,
      then: (reason) => this.#delete(lines.slice(-DELETED_MAX), reason),
    };
  }

  #askMute({ user }: Chat): void {
    const names = [
      this.t.minutes(1),
      this.t.minutes(10),
      this.t.hours(1),
      this.t.rest_of_show,
    ] as const;
    this.question = {
      title: this.t.mute_who(user.name),
      what: "",
      act: this.t.mute,
      reason: true,
      choices: MUTE_S.map((seconds, i) => [seconds, names[i] ?? ""] as const),
      also: this.t.mute_delete,
      then: async (reason, seconds, deleteLines) => {
        const one = { person: user.id, name: user.name, until_at: null, reason };
        const answer = await this.#mutes?.mute(one, seconds, deleteLines);
        if (answer === undefined) return;
        if (answer.ok) this.toast.say(this.t.muted_done(user.name), "good");
        else this.refuse(answer);
      },
    };
  }

  async #delete(lines: readonly Chat[], reason: string): Promise<void> {
    const ask = { lines: lines.map((line) => line.id) };
    const answer = await this.desk?.act("lines_delete", reason === "" ? ask : { ...ask, reason });
    if (answer === undefined) return;
    if (answer.ok) this.toast.say(this.t.deleted_done(lines.length), "good");
    else this.refuse(answer);
  }

  async #unmute(person: string): Promise<void> {
    const answer = await this.#mutes?.unmute(person);
    if (answer !== undefined && !answer.ok) this.refuse(answer);
  }

  async #setSlow(seconds: number): Promise<void> {
    const answer = await this.desk?.act("slow_mode", { seconds });
    if (answer !== undefined && !answer.ok) this.refuse(answer);
  }
}
