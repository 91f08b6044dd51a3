// The viewer's page.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import "../features/chat/chat-lines";
import type { ChatSay } from "../features/chat/chat-say";
import "../features/chat/chat-say";
import { Speech } from "../features/chat/speech";
import { loginUrl, signInViewer } from "../link/account";
import { Api } from "../link/api";
import { Bag } from "../link/bag";
import { config, showNamed, showToOpen } from "../link/boot";
import { Session } from "../link/session";
import { Show } from "../link/show";
import "../parts/bag-sheet";
import "../parts/banner";
import "../parts/buy-sheet";
import "../parts/deal-card";
import { icon, mark } from "../parts/icons";
import "../parts/like";
import { base, Part } from "../parts/part";
import "../parts/pay-result";
import "../parts/pinned";
import "../parts/poster";
import "../parts/sheet";
import { applyTheme } from "../parts/switches";
import "../parts/switches";
import "../parts/ticks";
import type { Toast } from "../parts/toast";
import "../parts/toast";
import { onTray } from "../parts/tray";
import "../parts/tray";
import { featured } from "../pure/deals";
import { pick } from "../pure/language";
import type { Config, Notice, ShowView } from "../wire";
import { phoneStyles } from "./viewer-phone";
import { wideStyles } from "./viewer-wide";

applyTheme();

interface Buy {
  deal: string;
  variant: string;
  quantity: number;
}

@customElement("dc-viewer")
export class Viewer extends Part {
  @state() private show: Show | null = null;
  @state() private view: ShowView | null = null;
  @state() private config: Config | null = null;
  @state() private sheet: "tray" | "bag" | "buy" | null = null;
  @state() private wanted = "";
  @state() private missing: "none" | "named" | null = null;
  @query("dc-toast") private toast!: Toast;
  @query("dc-chat-say") private say!: ChatSay;
  readonly #api = new Api(new Session("viewer"));
  readonly #wide = matchMedia("(min-width: 75rem) and (min-height: 32rem)");
  readonly #phone = matchMedia("(max-width: 47.99rem), (max-height: 31.99rem)");
  #bag: Bag | null = null;
  #speech: Speech | null = null;
  #warned = 0;

  static override styles = [base, phoneStyles, wideStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    for (const size of [this.#wide, this.#phone]) {
      size.addEventListener("change", () => this.requestUpdate());
    }
    this.addEventListener("buy", (event) => void this.#buy((event as CustomEvent<Buy>).detail));
    this.addEventListener("choose-deal", (event) => {
      this.wanted = (event as CustomEvent<string>).detail;
      this.sheet = "buy";
    });
    this.addEventListener("over", () => this.requestUpdate());
    // Which deal is in front changes with time alone.
    setInterval(() => this.requestUpdate(), 1000);
    window.addEventListener("pageshow", (event) => event.persisted && void this.#bag?.refresh());
    void this.#begin();
  }

  async #begin(): Promise<void> {
    this.config = await config(this.#api);
    const named = /^\/s\/([^/]+)/.exec(location.pathname)?.[1];
    const view =
      named === undefined
        ? await showToOpen(this.#api)
        : await showNamed(this.#api, decodeURIComponent(named));
    if (view === null) {
      this.missing = named === undefined ? "none" : "named";
      return;
    }
    this.view = view;
    const signed = await signInViewer(this.#api, this.config);
    const show = new Show(view.id, this.#api, signed === "yes" ? ["/live", "/me"] : ["/live"]);
    this.#bag = new Bag(show);
    this.#speech = new Speech(show);
    this.#bag.addEventListener("lost", () => this.toast.say(this.t.hold_expired, "bad"));
    show.on<Notice>("/live notice", ({ code }) => {
      if (code === "recovered") this.toast.say(this.t.restored);
    });
    this.#bag.payments.addEventListener("change", () => this.requestUpdate());
    this.show = show;
    this.watch(show, "board");
    this.watch(this.#bag, "change");
    this.#returned();
  }

  /** Back from the provider, or from the shop's sign-in: go on where one was. */
  #returned(): void {
    const address = new URL(location.href);
    const { searchParams } = address;
    const paid = searchParams.get("order") ?? searchParams.get("paid");
    const act = searchParams.get("act");
    for (const name of ["order", "paid", "act"]) searchParams.delete(name);
    history.replaceState(history.state, "", address);
    if (paid !== null) this.#bag?.payments.follow(paid);
    if (act === "chat") void this.updateComplete.then(() => this.say.focus());
    if (act?.startsWith("buy:")) {
      this.wanted = act.slice(4);
      this.sheet = "buy";
    }
  }

  override updated(changed: PropertyValues): void {
    super.updated(changed);
    const title = pick(this.show?.board.show?.title ?? this.view?.title, this.speaking.language);
    document.title = title === "" ? "Dealcast" : `${title} · Dealcast`;
  }

  override render(): TemplateResult {
    const { show } = this;
    const bag = this.#bag;
    const board = show?.board;
    const deal = show && board ? featured(board, show.clock.now()) : null;
    const pinned = board?.pins[0] ?? null;
    const apart = pinned !== null && pinned.id !== deal?.product.id;
    const now = board?.show ?? this.view;
    return html`<main class="page" ?data-pinned=${apart}>
        ${this.#top(now)}
        ${this.missing === null ? html`<dc-banner .show=${show}></dc-banner>` : nothing}
        <div class="stage">
          <dc-poster
            .image=${apart && this.#phone.matches ? null : (pinned ?? deal?.product)?.image ?? null}
            ?live=${now?.status === "live"}
            ?low=${this.#phone.matches}
          ></dc-poster>
          ${now?.status === "ended"
            ? html`<div class="over"><p data-testid="show-ended">${this.t.show_ended}</p></div>`
            : nothing}
        </div>
        <div class="ticks"><dc-ticks .ticks=${board?.ticks ?? []}></dc-ticks></div>
        ${show === null || bag === null
          ? this.#nothing()
          : html`<dc-chat-lines class="chat" .show=${show} .speech=${this.#speech}></dc-chat-lines>
              ${apart
                ? html`<div class="pin">
                    <dc-pinned ?wide=${!this.#phone.matches} .show=${show} .product=${pinned}></dc-pinned>
                  </div>`
                : nothing}
              ${deal === null
                ? nothing
                : html`<div class="deal">
                    <dc-deal-card .show=${show} .bag=${bag} .deal=${deal}></dc-deal-card>
                  </div>`}
              ${this.#strip(show, bag)} ${this.#bar(show, bag)}
              ${this.#wide.matches
                ? html`<section class="shelf" aria-label=${this.t.tray}>
                    <h2>${this.t.tray}</h2>
                    <dc-tray .show=${show} .bag=${bag} .featured=${deal?.id ?? ""}></dc-tray>
                  </section>`
                : nothing}`}
      </main>
      ${show === null || bag === null ? nothing : this.#sheets(show, bag, deal?.id ?? "")}
      <dc-toast></dc-toast>`;
  }

  #top(view: ShowView | null): TemplateResult {
    const counted = this.show?.board.viewers ?? null;
    // The count lags a little behind whoever has just come: that is us.
    const viewers = counted === null ? null : Math.max(1, counted);
    const words = { live: this.t.live, scheduled: this.t.scheduled, ended: this.t.ended };
    return html`<header class="top">
      <div class="who">
        ${mark()}
        <div>
          <h1 data-testid="show-title">
            ${view === null ? "Dealcast" : pick(view.title, this.speaking.language)}
          </h1>
          ${view === null
            ? nothing
            : html`<p class="facts num">
                <span class="air" data-is=${view.status} data-testid="show-status"
                  >${words[view.status]}</span
                >
                <span class="host">${view.host}</span>
                ${viewers === null
                  ? nothing
                  : html`<span data-testid="viewers">${this.t.viewers(viewers)}</span>`}
              </p>`}
        </div>
      </div>
      <dc-switches></dc-switches>
    </header>`;
  }

  #nothing(): TemplateResult | typeof nothing {
    if (this.missing === null) return nothing;
    const named = this.missing === "named";
    return html`<div class="nothing" data-testid="no-show">
      <div>
        <h2>${named ? this.t.show_missing : this.t.show_none}</h2>
        ${named ? nothing : html`<p>${this.t.show_none_more}</p>`}
      </div>
    </div>`;
  }

  #strip(show: Show, bag: Bag): TemplateResult | typeof nothing {
    const until = bag.expiresAt;
    if (until === null) return nothing;
    this.#warn(until - show.clock.now(), until);
    return html`<div class="strip">
      <button data-testid="hold-strip" @click=${() => (this.sheet = "bag")}>
        <dc-countdown
          testid="hold-timer"
          .clock=${show.clock}
          .until=${until}
          .label=${this.t.hold_left}
          .urgent=${30}
        ></dc-countdown>
        <span class="num">${this.t.held_for_you(bag.units)}</span>
        <span class="go">${this.t.checkout}</span>
      </button>
    </div>`;
  }

  #bar(show: Show, bag: Bag): TemplateResult {
    const signed = this.#api.session.token !== null;
    const listed = onTray(show).length;
    return html`<nav class="bar" aria-label=${this.t.bag}>
      <button
        class="knob shelf-knob"
        data-testid="tray-open"
        aria-label=${this.t.tray_open(listed)}
        @click=${() => (this.sheet = "tray")}
      >
        ${icon("tray")}${listed > 0 ? html`<b class="num">${listed}</b>` : nothing}
      </button>
      ${signed
        ? html`<dc-chat-say .speech=${this.#speech} .slow=${show.board.slow_ms}></dc-chat-say>`
        : html`<button
            class="button main sign-in"
            data-testid="sign-in"
            @click=${() => this.#signIn("chat")}
          >
            ${this.t.sign_in_to}
          </button>`}
      <dc-like class="knob" .show=${show}></dc-like>
      <button
        class="knob"
        data-testid="bag"
        aria-label=${this.t.bag_open(bag.units)}
        @click=${() => (this.sheet = "bag")}
      >
        ${icon("bag")}${bag.units > 0
          ? html`<b class="num" data-testid="bag-count">${bag.units}</b>`
          : nothing}
      </button>
    </nav>`;
  }

  #sheets(show: Show, bag: Bag, front: string): TemplateResult {
    const { payments } = bag;
    const wanted = show.board.deals[this.wanted] ?? null;
    const closed = (): void => void (this.sheet = null);
    return html`<dc-sheet
        .open=${this.sheet === "tray"}
        .label=${this.t.tray}
        @closed=${closed}
      >
        ${this.sheet === "tray"
          ? html`<dc-tray .show=${show} .bag=${bag} .featured=${front}></dc-tray>`
          : nothing}
      </dc-sheet>
      <dc-sheet .open=${this.sheet === "bag"} .label=${this.t.bag} @closed=${closed}>
        <dc-bag-sheet
          .show=${show}
          .bag=${bag}
          @remove=${(event: CustomEvent<string>) => void this.#remove(event.detail)}
          @checkout=${() => void this.#checkout()}
          @go-on=${(event: CustomEvent<string>) => leave(event.detail)}
        ></dc-bag-sheet>
      </dc-sheet>
      <dc-sheet
        .open=${this.sheet === "buy" && wanted !== null}
        .label=${wanted === null ? "" : pick(wanted.product.title, this.speaking.language)}
        @closed=${closed}
      >
        ${this.sheet === "buy"
          ? html`<dc-buy-sheet .show=${show} .bag=${bag} .deal=${wanted}></dc-buy-sheet>`
          : nothing}
      </dc-sheet>
      <dc-sheet
        .open=${payments.followed !== null}
        .label=${this.t.order}
        @closed=${() => payments.dismiss()}
      >
        <dc-pay-result .show=${show} .followed=${payments.followed}></dc-pay-result>
      </dc-sheet>`;
  }

  #warn(rest: number, until: number): void {
    if (rest > 30_000 || rest < 25_000 || this.#warned === until) return;
    this.#warned = until;
    void this.updateComplete.then(() => this.toast.say(this.t.hold_warning));
  }

  #signIn(act: string): void {
    const url = this.config === null ? null : loginUrl(this.config, act);
    if (url === null) this.toast.say(this.t.sign_in_none, "bad");
    else location.assign(url);
  }

  async #buy({ deal, variant, quantity }: Buy): Promise<void> {
    if (this.#api.session.token === null) return this.#signIn(`buy:${deal}`);
    const answer = await this.#bag?.buy(deal, variant, quantity);
    if (answer === undefined) return;
    if (answer.ok) {
      this.sheet = this.sheet === "buy" ? null : this.sheet;
      this.toast.say(this.t.held_for_you(quantity), "good");
    } else this.toast.say(this.speaking.why(answer.code, answer.title ?? answer.detail), "bad");
  }

  async #remove(hold: string): Promise<void> {
    const answer = await this.#bag?.remove(hold);
    if (answer !== undefined && !answer.ok) {
      this.toast.say(this.speaking.why(answer.code, answer.title ?? answer.detail), "bad");
    }
  }

  async #checkout(): Promise<void> {
    const answer = await this.#bag?.checkout();
    if (answer === undefined) return;
    if (!answer.ok) {
      this.toast.say(this.speaking.why(answer.code, answer.title ?? answer.detail), "bad");
    } else if (answer.payment.url === null) {
      // Nothing to pay: there is no provider's page to come back from.
      this.sheet = null;
      this.#bag?.payments.follow(answer.order);
    } else leave(answer.payment.url);
  }
}

/** Go to the provider's page, which is on the web or nowhere. */
function leave(address: string): void {
  const url = new URL(address, location.href);
  if (url.protocol === "https:" || url.protocol === "http:") location.assign(url.href);
}
