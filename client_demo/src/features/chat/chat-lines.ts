// The chat over the stage, or beside it on a large page.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Show } from "../../link/show";
import { icon } from "../../parts/icons";
import { base, Part } from "../../parts/part";
import { StickToEnd } from "../../parts/stick";
import type { Chat } from "../../wire";
import type { Said, Speech } from "./speech";

@customElement("dc-chat-lines")
export class ChatLines extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @property({ attribute: false }) speech: Speech | null = null;
  @query(".lines") private list!: HTMLElement | null;
  readonly #stick = new StickToEnd(this, () => this.list);
  #last = "";

  static override styles = [
    base,
    css`
      :host {
        position: relative;
        display: flex;
        flex-direction: column;
        min-height: 0;
        --line-bg: var(--glass);
        --line-ink: var(--on-glass);
        --line-ink-2: var(--on-glass-2);
        --name-1: var(--name);
        --name-2: var(--name-own);
        --name-3: var(--name-staff);
      }
      .lines {
        flex: 1;
        min-height: 0;
        overflow-y: auto;
        overscroll-behavior: contain;
        scrollbar-width: none;
      }
      ol {
        display: flex;
        flex-direction: column;
        justify-content: flex-end;
        gap: 0.3rem;
        min-height: 100%;
      }
      li {
        align-self: flex-start;
        max-width: 100%;
        padding: 0.28rem 0.7rem;
        border-radius: var(--r-3);
        background: var(--line-bg);
        color: var(--line-ink);
        font-size: var(--size-3);
        line-height: 1.4;
        overflow-wrap: anywhere;
      }
      .name {
        margin-inline-end: 0.35em;
        color: var(--name-1);
        font-weight: 600;
      }
      .own .name {
        color: var(--name-2);
      }
      .staff .name {
        color: var(--name-3);
      }
      .role {
        margin-inline-end: 0.35em;
        padding: 0.05em 0.45em;
        border-radius: 0.3em;
        background: var(--seal);
        color: var(--on-seal);
        font-size: var(--size-1);
        font-weight: 600;
      }
      .sending {
        opacity: 0.75;
      }
      .failed {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        column-gap: var(--s-2);
      }
      .failed small {
        flex-basis: 100%;
        color: var(--name-3);
        font-size: var(--size-1);
      }
      .failed button {
        min-height: 2rem;
        padding: 0;
        border: 0;
        background: none;
        color: inherit;
        font-size: var(--size-2);
        font-weight: 600;
        text-decoration: underline;
        text-underline-offset: 0.2em;
        cursor: pointer;
      }
      .none {
        color: var(--line-ink-2);
        font-size: var(--size-2);
      }
      .newer {
        position: absolute;
        bottom: var(--s-1);
        left: var(--s-2);
        min-height: 2.25rem;
        gap: var(--s-1);
        padding: 0 var(--s-3);
        border: 0;
        border-radius: var(--r-pill);
        box-shadow: var(--lift-1);
        font-size: var(--size-2);
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { show, speech } = this;
    if (show === null) return nothing;
    this.watch(show, "board");
    this.watch(speech, "change");
    const { lines } = show.board;
    const said = speech?.said ?? [];
    const last = said.at(-1)?.key ?? lines.at(-1)?.id ?? "";
    if (last !== this.#last) this.#stick.came();
    this.#last = last;
    return html`<div
        class="lines"
        role="log"
        aria-label=${this.t.chat}
        tabindex="0"
        data-testid="chat-lines"
        @scroll=${() => this.#stick.scrolled()}
      ><ol>
        ${lines.length + said.length === 0 && show.state === "on"
          ? html`<li class="none">${this.t.chat_empty}</li>`
          : nothing}
        ${repeat(
          lines,
          (line) => line.id,
          (line) => this.#line(line),
        )}
        ${repeat(
          said,
          (one) => one.key,
          (one) => this.#said(one),
        )}
      </ol></div>
      ${this.#stick.behind
        ? html`<button class="button newer" @click=${() => this.#stick.toEnd()}>
            ${icon("down")}${this.t.chat_newer}
          </button>`
        : nothing}`;
  }

  #line({ id, user, text }: Chat): TemplateResult {
    const roles: Readonly<Record<string, string>> = {
      host: this.t.role_host,
      moderator: this.t.role_moderator,
      assistant: this.t.role_assistant,
    };
    const role = roles[user.role];
    const own = this.speech?.isOwn(id, user.id) ?? false;
    return html`<li
      class="${own ? "own" : ""} ${role === undefined ? "" : "staff"}"
      data-testid="chat-line"
      data-line=${id}
    >${role === undefined ? nothing : html`<span class="role">${role}</span>`}<span class="name"
      >${user.name}</span><span data-testid="chat-text">${text}</span></li>`;
  }

  #said({ key, text, state: now, code, title }: Said): TemplateResult {
    const name = this.show?.api.session.name ?? "";
    if (now !== "failed") {
      return html`<li class="own ${now}" data-testid="chat-own">
        <span class="name">${name}</span>${text}
        ${now === "sending" ? html`<span class="unseen">${this.t.chat_sending}</span>` : nothing}
      </li>`;
    }
    return html`<li class="own failed" data-testid="chat-failed" data-code=${code}>
      <span><span class="name">${name}</span>${text}</span>
      <small role="alert">${this.t.because(this.t.chat_failed, this.speaking.why(code, title))}</small>
      ${code === "muted"
        ? nothing
        : html`<button @click=${() => void this.speech?.again(key)}>${this.t.retry}</button>`}
      <button @click=${() => this.speech?.forget(key)}>${this.t.remove}</button>
    </li>`;
  }
}
