// Signing in, as this installation does it.

import type { Api } from "./api";
import { claims, takeFragment, type Session } from "./session";
import type { Account, Config, Role, StaffToken } from "../wire";

export type SignedIn = "yes" | "login" | "none";

/** Make sure that there is a viewer: an account of the demo, or the shop's own page. */
export async function signInViewer(api: Api, config: Config): Promise<SignedIn> {
  const { token } = takeFragment();
  if (token !== null) {
    api.session.keep({ token, person: null, role: "viewer", show: null });
  }
  if (api.session.token !== null) return "yes";
  if (config.demo) return (await demoAccount(api)) ? "yes" : "none";
  return config.login_url === null ? "none" : "login";
}

/** One account per browser profile: pages that open at once wait for the first. */
async function demoAccount(api: Api): Promise<boolean> {
  const make = async (): Promise<boolean> => {
    api.session.load();
    if (api.session.token !== null) return true;
    const answer = await api.call<Account>("/demo/accounts", {
      method: "POST",
      body: {},
    });
    if (!answer.ok) return false;
    const { token, person } = answer;
    api.session.keep({ token, person, role: "viewer", show: null });
    return true;
  };
  // Locks exist in secure contexts only; a phone on plain HTTP does without.
  if (!("locks" in navigator)) return make();
  return (navigator as Navigator).locks.request("dealcast.account", make);
}

/** Where to sign in, coming back to `act` on this page. */
export function loginUrl(config: Config, act: string): string | null {
  if (config.login_url === null) return null;
  const back = new URL(location.href);
  back.hash = "";
  if (act !== "") back.searchParams.set("act", act);
  const url = new URL(config.login_url, location.href);
  url.searchParams.set("return_to", back.href);
  return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
}

export type StaffSignIn = "yes" | "missing" | "used" | "wrong_role" | "unanswered";

/** Take the link's code or token, or what was kept from an earlier one. */
export async function signInStaff(api: Api, roles: readonly Role[]): Promise<StaffSignIn> {
  const { code, token } = takeFragment();
  if (code !== null) {
    const answer = await api.call<StaffToken>("/staff/sign-in", {
      method: "POST",
      body: { code },
    });
    if (answer.ok) api.session.keep({ ...answer, person: null });
    // Opened again from the address bar's history: the first sign-in still holds.
    else if (api.session.token === null) return answer.retryable ? "unanswered" : "used";
  } else if (token !== null) {
    const { role = "viewer", show = null } = claims(token);
    api.session.keep({ token, person: null, role, show });
  }
  if (api.session.token === null) return "missing";
  return roles.includes(roleOf(api.session)) ? "yes" : "wrong_role";
}

function roleOf(session: Session): Role {
  return (session.token === null ? undefined : claims(session.token).role) ?? session.role;
}
