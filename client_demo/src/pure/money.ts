// Money as people write it. Amounts are integers of minor units and stay so.

import type { Money } from "../wire";

/** The smallest step of a price, in minor units, where it is not 1. */
const STEPS: Readonly<Record<string, number>> = { HKD: 10, MYR: 5, TWD: 100 };
const DIGITS: Readonly<Record<string, number>> = { JPY: 0, KRW: 0, VND: 0 };
const SIGNS: Readonly<Record<string, string>> = {
  CNY: "CN¥",
  EUR: "€",
  GBP: "£",
  HKD: "HK$",
  JPY: "JP¥",
  KRW: "₩",
  MYR: "RM",
  SGD: "S$",
  THB: "฿",
  TWD: "NT$",
  USD: "US$",
  VND: "₫",
};
const AMOUNT_MAX = 10 ** 12;

export interface Price {
  sign: string;
  whole: string;
  /** With its point, such as ".50"; empty where the currency never shows one. */
  fraction: string;
}

export function digits(currency: string): number {
  return DIGITS[currency] ?? 2;
}

export function step(currency: string): number {
  return STEPS[currency] ?? 1;
}

export function sign(currency: string): string {
  return SIGNS[currency] ?? currency;
}

/** Digits that prices of the currency can have: none where the step is a whole unit. */
function shownDigits(currency: string): number {
  const places = digits(currency);
  return step(currency) % 10 ** places === 0 ? 0 : places;
}

export function price(money: Money): Price {
  const unit = 10 ** digits(money.currency);
  const whole = Math.floor(money.amount / unit);
  const rest = String(money.amount % unit).padStart(digits(money.currency), "0");
  const places = shownDigits(money.currency);
  return {
    // A code is parted from the digits by a space, which no line break takes.
    sign: SIGNS[money.currency] ?? `${money.currency}\u00a0`,
    whole: String(whole).replace(/\B(?=(\d{3})+$)/g, ","),
    fraction: places > 0 ? `.${rest}` : "",
  };
}

/** As a price tag writes it too. */
export function format(money: Money): string {
  const { sign: before, whole, fraction } = price(money);
  return `${before}${whole}${fraction}`;
}

export function times(money: Money, quantity: number): Money {
  return { amount: money.amount * quantity, currency: money.currency };
}

export function total(currency: string, parts: readonly Money[]): Money {
  return { amount: parts.reduce((sum, part) => sum + part.amount, 0), currency };
}

/** So many per cent of it, on the currency's step: what one may ask in a flash deal. */
export function part(money: Money, percent: number): Money {
  const least = step(money.currency);
  const amount = Math.floor((money.amount * percent) / 100 / least) * least;
  return { amount: Math.max(least, amount), currency: money.currency };
}

/** How much less than the reference in whole per cent, or 0 if it is not less. */
export function saving(now: Money, reference: Money): number {
  if (reference.amount <= 0 || now.amount >= reference.amount) return 0;
  return Math.floor(((reference.amount - now.amount) * 100) / reference.amount);
}

/** Read what somebody typed; null if it is no price of the currency. */
export function parse(text: string, currency: string): Money | null {
  const places = digits(currency);
  const found = /^(\d{1,12})(?:\.(\d+))?$/.exec(text.trim().replaceAll(",", ""));
  if (found === null) return null;
  const fraction = found[2] ?? "";
  if (fraction.length > places) return null;
  const amount = Number(found[1]) * 10 ** places + Number(fraction.padEnd(places, "0") || "0");
  if (amount <= 0 || amount > AMOUNT_MAX || amount % step(currency) !== 0) return null;
  return { amount, currency };
}

/** As `parse` reads it back. */
export function typed(money: Money): string {
  const { whole, fraction } = price(money);
  return whole.replaceAll(",", "") + fraction;
}
