// Where one says something.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { icon } from "../../parts/icons";
import { base, Part } from "../../parts/part";
import { TEXT_MAX, type Speech } from "./speech";

@customElement("dc-chat-say")
export class ChatSay extends Part {
  @property({ attribute: false }) speech: Speech | null = null;
  @property({ type: Number }) slow = 0;
  @state() private text = "";
  @query("input") private input!: HTMLInputElement;

  static override styles = [
    base,
    css`
      input {
        width: 100%;
        height: var(--tap);
        padding: 0 3rem 0 var(--s-4);
        border: 1px solid var(--say-edge, var(--glass-edge));
        border-radius: var(--r-pill);
        background: var(--say-bg, var(--glass));
        color: var(--say-ink, var(--on-glass));
        font-size: 1rem;
      }
      .muted {
        margin: 0 var(--s-2) var(--s-1);
        padding: 0 var(--s-2);
        border-radius: var(--r-1);
        background: var(--amber-soft);
        color: var(--amber);
        font-size: var(--size-1);
        font-weight: 600;
      }
      .box {
        position: relative;
      }
      input::placeholder {
        color: var(--say-ink-2, var(--on-glass-2));
        opacity: 1;
      }
      button {
        position: absolute;
        right: 0;
        top: 0;
        display: grid;
        place-items: center;
        width: var(--tap);
        height: var(--tap);
        padding: 0;
        border: 0;
        border-radius: var(--r-pill);
        background: none;
        color: var(--say-ink, var(--on-glass));
        cursor: pointer;
      }
      button:disabled {
        opacity: 0.45;
        cursor: default;
      }
    `,
  ];

  override focus(): void {
    this.input.focus();
  }

  override render(): TemplateResult {
    this.watch(this.speech, "change");
    const muted = this.speech?.muted ?? false;
    const empty = this.text.trim() === "";
    const hint = this.slow > 0 ? this.t.slow_mode(Math.ceil(this.slow / 1000)) : this.t.chat_say;
    return html`<form
      @submit=${(event: Event) => {
        event.preventDefault();
        this.#say();
      }}
    >
      ${muted
        ? html`<p class="muted" id="muted" data-testid="chat-muted">${this.speaking.why("muted")}</p>`
        : nothing}
      <label class="unseen" for="say">${this.t.chat_say}</label>
      <div class="box"><input
        id="say"
        data-testid="chat-input"
        autocomplete="off"
        enterkeyhint="send"
        maxlength=${TEXT_MAX}
        placeholder=${hint}
        .value=${this.text}
        @input=${() => (this.text = this.input.value)}
        @keydown=${(event: KeyboardEvent) => {
          // Enter that ends a composition of Chinese text does not send it.
          if (event.key === "Enter" && event.isComposing) event.preventDefault();
        }}
      />
      <button data-testid="chat-send" ?disabled=${empty} aria-label=${this.t.chat_send}>
        ${icon("send")}
      </button></div>
    </form>`;
  }

  #say(): void {
    const text = this.text.trim();
    if (text === "" || this.speech === null) return;
    this.text = "";
    void this.speech.say(text).then(() => {
      // What a mute has refused is not lost, unless something else was typed meanwhile.
      if (this.speech?.muted && this.text === "") this.text = text;
    });
  }
}
