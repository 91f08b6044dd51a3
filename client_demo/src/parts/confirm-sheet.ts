// The second step of an act that cannot be taken back: what it does, and why one does it.

import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { base, Part } from "./part";
import "./sheet";

export interface Question {
  title: string;
  what: string;
  act: string;
  /** Whether a reason is asked for. */
  reason: boolean;
  /** Whether viewers will read it. */
  seen?: boolean;
  /** Durations to choose from, in seconds, with their names. */
  choices?: readonly (readonly [number, string])[];
  /** Something that may be done with it. */
  also?: string;
  then: (reason: string, choice: number, also: boolean) => Promise<void>;
}

const REASON_MAX = 200;

@customElement("dc-confirm")
export class ConfirmSheet extends Part {
  @property({ attribute: false }) question: Question | null = null;
  @state() private busy = false;
  @state() private choice = 0;
  @query("input.input") private reason!: HTMLInputElement | null;
  @query("input.also") private also!: HTMLInputElement | null;

  static override styles = [
    base,
    css`
      form {
        display: grid;
        gap: var(--s-4);
      }
      p {
        color: var(--ink-2);
      }
      fieldset {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s-2);
        margin: 0;
        padding: 0;
        border: 0;
      }
      legend {
        padding: 0 0 var(--s-1);
        color: var(--ink-2);
        font-size: var(--size-2);
      }
      label.chip {
        position: relative;
      }
      .chip input {
        position: absolute;
        inset: 0;
        opacity: 0;
        cursor: pointer;
      }
      .chip span {
        display: inline-flex;
        align-items: center;
        min-height: 2.25rem;
        padding: 0 var(--s-3);
        border: 1px solid var(--edge);
        border-radius: var(--r-1);
        font-size: var(--size-2);
      }
      .chip input:checked + span {
        border-color: var(--cobalt);
        background: var(--cobalt-soft);
        color: var(--cobalt);
        font-weight: 650;
      }
      .chip input:focus-visible + span {
        outline: 2px solid var(--focus);
        outline-offset: 2px;
      }
      .with {
        display: flex;
        align-items: center;
        gap: var(--s-2);
        font-size: var(--size-2);
      }
      .also {
        width: 1.125rem;
        height: 1.125rem;
        margin: 0;
        accent-color: var(--seal);
      }
      .acts {
        display: flex;
        justify-content: flex-end;
        gap: var(--s-2);
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("question")) return;
    this.busy = false;
    this.choice = this.question?.choices?.[1]?.[0] ?? this.question?.choices?.[0]?.[0] ?? 0;
  }

  override render(): TemplateResult {
    const { question } = this;
    return html`<dc-sheet
      .open=${question !== null}
      .label=${question?.title ?? ""}
      @closed=${() => this.tell("answered")}
    >
      ${question === null ? nothing : this.#form(question)}
    </dc-sheet>`;
  }

  #form(question: Question): TemplateResult {
    return html`<form
      @submit=${(event: Event) => {
        event.preventDefault();
        void this.#go(question);
      }}
    >
      ${question.what === "" ? nothing : html`<p>${question.what}</p>`}
      ${question.choices === undefined
        ? nothing
        : html`<fieldset>
            <legend>${this.t.mute_for}</legend>
            ${question.choices.map(
              ([value, name]) =>
                html`<label class="chip">
                  <input
                    type="radio"
                    name="choice"
                    data-testid="choice-${value}"
                    .checked=${value === this.choice}
                    @change=${() => (this.choice = value)}
                  /><span class="num">${name}</span></label
                >`,
            )}
          </fieldset>`}
      ${question.reason
        ? html`<label class="field"
            >${question.seen ? this.t.reason_seen : this.t.reason_optional}
            <input class="input" data-testid="reason" maxlength=${REASON_MAX} autocomplete="off" />
          </label>`
        : nothing}
      ${question.also === undefined
        ? nothing
        : html`<label class="with">
            <input class="also" type="checkbox" data-testid="also" />${question.also}
          </label>`}
      <div class="acts">
        <button type="button" class="button quiet" @click=${() => this.tell("answered")}>
          ${this.t.cancel}
        </button>
        <button class="button main" data-testid="confirm" ?disabled=${this.busy}>
          ${question.act}
        </button>
      </div>
    </form>`;
  }

  async #go(question: Question): Promise<void> {
    this.busy = true;
    const reason = this.reason?.value.trim() ?? "";
    await question.then(reason, this.choice, this.also?.checked ?? false);
    this.busy = false;
    this.tell("answered");
  }
}
