// The chat as moderators see it: every line with what can be done about it.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Show } from "../../link/show";
import { icon } from "../../parts/icons";
import { base, Part } from "../../parts/part";
import { StickToEnd } from "../../parts/stick";
import type { Chat } from "../../wire";

/** Fires "delete-line", "delete-all" and "mute" with the line. */
@customElement("dc-mod-chat")
export class ModChat extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @property({ attribute: false }) muted: ReadonlySet<string> = new Set();
  @state() private find = "";
  @query("ol") private list!: HTMLElement | null;
  readonly #stick = new StickToEnd(this, () => this.list);

  static override styles = [
    base,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      .find {
        position: relative;
        padding: var(--s-3) var(--s-4);
        border-bottom: 1px solid var(--edge);
      }
      .find svg {
        position: absolute;
        left: 1.625rem;
        top: 50%;
        color: var(--ink-3);
        transform: translateY(-50%);
      }
      .find input {
        padding-left: 2.25rem;
      }
      ol {
        flex: 1;
        min-height: 0;
        overflow-y: auto;
      }
      li {
        display: grid;
        grid-template-columns: 4.25rem minmax(0, 1fr) auto;
        align-items: start;
        gap: var(--s-3);
        padding: 0.375rem var(--s-4);
        line-height: 1.5;
      }
      li:hover,
      li:focus-within {
        background: var(--page);
      }
      time {
        padding-top: 0.3rem;
        color: var(--ink-3);
        font-size: var(--size-2);
      }
      p {
        padding-top: 0.2rem;
        overflow-wrap: anywhere;
      }
      b {
        margin-inline-end: 0.4em;
        color: var(--cobalt);
        font-weight: 650;
      }
      .role {
        margin-inline-end: 0.4em;
        padding: 0.05em 0.45em;
        border-radius: 0.3em;
        background: var(--seal-soft);
        color: var(--price);
        font-size: var(--size-1);
        font-weight: 600;
      }
      .acts {
        display: flex;
        gap: var(--s-1);
      }
      .acts .button {
        gap: var(--s-1);
        padding: 0 var(--s-2);
        color: var(--ink-2);
        font-weight: 550;
      }
      .acts .button:hover {
        color: var(--price);
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { show } = this;
    if (show === null) return nothing;
    this.watch(show, "board");
    const lines = this.#found(show.board.lines);
    return html`<div class="find">
        ${icon("search")}
        <input
          class="input"
          type="search"
          data-testid="find-line"
          aria-label=${this.t.chat_find}
          placeholder=${this.t.chat_find}
          @input=${(event: Event) => (this.find = (event.target as HTMLInputElement).value)}
        />
      </div>
      ${lines.length === 0
        ? html`<div class="empty" data-testid="chat-empty">
            <svg viewBox="0 0 64 48" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" aria-hidden="true">
              <path d="M6 6h36v22H20l-8 8v-8H6V6ZM48 16h10v20h-6v7l-7-7H28v-4" />
            </svg>
            <strong
              >${show.board.lines.length === 0 ? this.t.chat_empty : this.t.chat_none}</strong
            >
          </div>`
        : nothing}
      <ol tabindex="0" aria-label=${this.t.chat_live} @scroll=${() => this.#stick.scrolled()}>
        ${repeat(
          lines,
          (line) => line.id,
          (line) => this.#line(line),
        )}
      </ol>`;
  }

  #found(lines: readonly Chat[]): readonly Chat[] {
    const words = this.find.trim().toLowerCase();
    if (words === "") return lines;
    return lines.filter((line) => `${line.user.name} ${line.text}`.toLowerCase().includes(words));
  }

  #line(line: Chat): TemplateResult {
    const { id, user, text, at } = line;
    const roles: Readonly<Record<string, string>> = {
      host: this.t.role_host,
      moderator: this.t.role_moderator,
      assistant: this.t.role_assistant,
    };
    const role = roles[user.role];
    const time = new Date(at).toLocaleTimeString(this.speaking.language, { hour12: false });
    const button = (name: "delete-line" | "delete-all" | "mute", testid: string): TemplateResult => {
      const words = {
        "delete-line": [this.t.delete, this.t.delete_line, "trash"],
        "delete-all": [this.t.delete_all_short, this.t.delete_all, "list"],
        mute: [this.t.mute, this.t.mute_who(user.name), "mute"],
      } as const;
      const [short, long, sign] = words[name];
      return html`<button
        class="button quiet small"
        data-testid="${testid}-${id}"
        aria-label="${short} ${user.name}"
        title=${long}
        @click=${() => this.tell(name, line)}
      >
        ${icon(sign)}${short}
      </button>`;
    };
    return html`<li data-testid="line-${id}" data-person=${user.id}>
      <time class="num">${time}</time>
      <p>
        ${role === undefined ? nothing : html`<span class="role">${role}</span>`}<b>${user.name}</b
        >${this.muted.has(user.id)
          ? html`<span class="role">${this.t.muted_mark}</span>`
          : nothing}<span data-testid="chat-text">${text}</span>
      </p>
      <div class="acts">
        ${button("delete-line", "delete")}
        ${role === undefined
          ? html`${button("delete-all", "delete-all")}${button("mute", "mute")}`
          : nothing}
      </div>
    </li>`;
  }
}
