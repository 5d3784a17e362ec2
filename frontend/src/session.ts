// Who is using the page; every part that needs it takes it from this context.

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Me } from "./types";

export const SessionContext = createContext<Me | null>(null);

/** The user of this page. Pages behind the login always have one. */
export function useUser(): Me {
  const user = useContext(SessionContext);
  if (!user) throw new Error("No user: this part belongs inside the session.");
  return user;
}
