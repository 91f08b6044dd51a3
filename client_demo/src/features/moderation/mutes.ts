// Who is muted, as far as this desk knows: by its own acts and by the audit of others'.

import type { Desk } from "../../link/desk";
import type { PersonId } from "../../wire";

export interface MutedPerson {
  person: PersonId;
  name: string;
  /** Null when another desk muted the person: the audit does not say until when. */
  until_at: number | null;
  reason: string;
}

/** "change" is fired when somebody is muted or no longer is. */
export class Mutes extends EventTarget {
  readonly #all = new Map<PersonId, MutedPerson>();
  readonly #place: string;
  readonly #desk: Desk;

  constructor(desk: Desk) {
    super();
    this.#desk = desk;
    this.#place = `dealcast.mutes.${desk.show.id}`;
    for (const one of readKept(this.#place)) this.#all.set(one.person, one);
    desk.show.on<{ act: string; subject: string; reason: string | null }>(
      "/staff audit",
      ({ act, subject, reason }) => {
        if (act === "unmute") this.#drop(subject);
        else if (act === "mute" && !this.#all.has(subject)) {
          this.#put({ person: subject, name: "", until_at: null, reason: reason ?? "" });
        }
      },
    );
  }

  /** Those whose mute has not run out, the latest first. */
  list(now: number): MutedPerson[] {
    return [...this.#all.values()]
      .filter((one) => one.until_at === null || one.until_at > now)
      .reverse();
  }

  async mute(one: MutedPerson, seconds: number, deleteLines: boolean) {
    const { person, reason } = one;
    const ask = { person, seconds, delete_lines: deleteLines };
    const answer = await this.#desk.act("mute", reason === "" ? ask : { ...ask, reason });
    if (answer.ok) this.#put({ ...one, until_at: answer.until_at });
    return answer;
  }

  async unmute(person: PersonId) {
    const answer = await this.#desk.act("mute", { person, seconds: 0 });
    if (answer.ok) this.#drop(person);
    return answer;
  }

  #put(one: MutedPerson): void {
    this.#all.delete(one.person);
    this.#all.set(one.person, one);
    this.#keep();
  }

  #drop(person: PersonId): void {
    if (this.#all.delete(person)) this.#keep();
  }

  #keep(): void {
    localStorage.setItem(this.#place, JSON.stringify([...this.#all.values()]));
    this.dispatchEvent(new Event("change"));
  }
}

function readKept(place: string): MutedPerson[] {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "[]") as MutedPerson[];
  } catch {
    return [];
  }
}
