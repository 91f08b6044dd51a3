// The host console.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import type { Desk } from "../link/desk";
import "../parts/banner";
import "../parts/confirm-sheet";
import "../parts/deal-board";
import type { Making } from "../parts/deal-form";
import "../parts/deal-form";
import "../parts/desk-gate";
import "../parts/desk-top";
import { icon } from "../parts/icons";
import "../parts/orders-table";
import { base } from "../parts/part";
import "../parts/picture";
import "../parts/product-shelf";
import "../parts/sheet";
import { applyTheme } from "../parts/switches";
import "../parts/toast";
import { pick } from "../pure/language";
import type { ProductCard } from "../wire";
import { DeskPage } from "./desk-page";
import { deskStyles } from "./desk-styles";

applyTheme();

@customElement("dc-host")
export class Host extends DeskPage {
  @state() private making: Making | null = null;

  static override styles = [
    base,
    deskStyles,
    css`
      .columns {
        grid-template-columns: 19rem minmax(0, 1fr) 24rem;
      }
      .pins {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s-2);
        padding: var(--s-2) var(--s-4);
        border-bottom: 1px solid var(--edge);
        color: var(--ink-2);
        font-size: var(--size-2);
      }
      .pins li {
        display: inline-flex;
        align-items: center;
        gap: var(--s-2);
        padding-left: 3px;
        border: 1px solid var(--edge);
        border-radius: var(--r-pill);
        color: var(--ink);
      }
      .pins ul {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s-2);
      }
      .pins dc-picture {
        width: 1.75rem;
        border-radius: var(--r-pill);
      }
      .pins .button {
        width: 2rem;
        min-height: 2rem;
        padding: 0;
        border-radius: var(--r-pill);
      }
      @media (max-width: 76rem) {
        .columns {
          grid-template-columns: 16rem minmax(0, 1fr);
          grid-template-rows: minmax(0, 1.5fr) minmax(0, 1fr);
        }
        .shelf {
          grid-row: 1 / -1;
        }
      }
    `,
  ];

  constructor() {
    super("host", ["host", "assistant", "shop"]);
  }

  protected override joined(desk: Desk): void {
    void desk.readProducts();
    // What a deal takes or gives back is free stock of the catalog.
    desk.show.on<{ change: string }>("/live deal", ({ change }) => {
      if (["planned", "closed", "restocked"].includes(change)) void desk.readProducts();
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("make", (event) => (this.making = (event as CustomEvent<Making>).detail));
    this.addEventListener("made", () => {
      this.making = null;
      this.toast.say(this.t.created, "good");
    });
    this.addEventListener("pin", (event) => {
      const { product, pin } = (event as CustomEvent<{ product: string; pin: boolean }>).detail;
      void this.#pin(product, pin);
    });
  }

  override render(): TemplateResult {
    document.title = `${this.t.host_console} · Dealcast`;
    const { desk } = this;
    if (this.gate !== null || desk === null) {
      return html`<dc-desk-gate
        .gate=${this.gate ?? "joining"}
        .name=${this.t.host_console}
      ></dc-desk-gate>`;
    }
    return html`<div class="desk">
        <dc-desk-top .desk=${desk} .name=${this.t.host_console}>
          <div slot="acts">${this.#startEnd(desk)}</div>
        </dc-desk-top>
        <dc-banner .show=${desk.show}></dc-banner>
        <main class="columns">
          <section class="panel shelf" aria-label=${this.t.products}>
            <h2>${this.t.products}</h2>
            <dc-product-shelf class="fill" .desk=${desk}></dc-product-shelf>
          </section>
          <section class="panel" aria-label=${this.t.deals}>
            <h2>${this.t.deals}</h2>
            ${this.#pins(desk.show.board.pins)}
            <div class="fill scroll">
              <dc-deal-board opens .desk=${desk}></dc-deal-board>
            </div>
          </section>
          <section class="panel" aria-label=${this.t.orders}>
            <h2>${this.t.orders}</h2>
            <dc-orders-table class="fill" .desk=${desk}></dc-orders-table>
          </section>
        </main>
      </div>
      <dc-sheet
        .open=${this.making !== null}
        .label=${this.making?.kind === "listing" ? this.t.listing_new : this.t.deal_new}
        @closed=${() => (this.making = null)}
      >
        <dc-deal-form .desk=${desk} .making=${this.making}></dc-deal-form>
      </dc-sheet>
      <dc-confirm .question=${this.question}></dc-confirm>
      <dc-toast desk></dc-toast>`;
  }

  #pins(pins: readonly ProductCard[]): TemplateResult {
    return html`<div class="pins" data-testid="pins">
      <span>${this.t.pins}</span>
      ${pins.length === 0 ? html`<span>${this.t.pins_empty}</span>` : nothing}
      <ul>
        ${pins.map((one) => {
          const name = pick(one.title, this.speaking.language);
          return html`<li>
            <dc-picture .src=${one.image}></dc-picture>${name}
            <button
              class="button quiet"
              data-testid="unpin-${one.id}"
              aria-label="${this.t.unpin} ${name}"
              @click=${() => void this.#pin(one.id, false)}
            >
              ${icon("close")}
            </button>
          </li>`;
        })}
      </ul>
    </div>`;
  }

  #startEnd(desk: Desk): TemplateResult | typeof nothing {
    const status = desk.show.board.show?.status;
    if (status === "scheduled") {
      return html`<button
        class="button main small"
        data-testid="show-start"
        @click=${() => void this.#showAct("show_start")}
      >
        ${icon("play")}${this.t.show_start}
      </button>`;
    }
    if (status !== "live") return nothing;
    return html`<button
      class="button small"
      data-testid="show-end"
      @click=${() => {
        this.question = {
          title: this.t.show_end,
          what: this.t.show_end_why,
          act: this.t.show_end,
          reason: false,
          then: () => this.#showAct("show_end"),
        };
      }}
    >
      ${icon("stop")}${this.t.show_end}
    </button>`;
  }

  async #showAct(name: "show_start" | "show_end"): Promise<void> {
    const answer = await this.desk?.act(name, {});
    if (answer !== undefined && !answer.ok) this.refuse(answer);
  }

  async #pin(product: string, pin: boolean): Promise<void> {
    const answer = await this.desk?.act(pin ? "pin" : "unpin", { product });
    if (answer !== undefined && !answer.ok) this.refuse(answer);
  }
}
