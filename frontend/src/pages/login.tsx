import { useState } from "preact/hooks";

import { login } from "../api";
import { sentence } from "../load";
import { Notice } from "../parts/notice";
import { navigate } from "../router";

interface LoginPageProps {
  address: URL;
  onSession?: () => void;
}

export function LoginPage({ address, onSession }: LoginPageProps) {
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);

  const enter = async (form: HTMLFormElement) => {
    const given = new FormData(form);
    const text = (key: string) => {
      const value = given.get(key);
      return typeof value === "string" ? value : "";
    };
    setBusy(true);
    try {
      await login(text("name"), text("password"));
      onSession?.();
      navigate(inside(address.searchParams.get("next")), true);
    } catch (error) {
      setTrouble(sentence(error));
      setBusy(false);
    }
  };
  return (
    <main id="main" class="narrow card">
      <h1>Hilum</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void enter(event.currentTarget);
        }}
      >
        {trouble && <Notice kind="error">{trouble}</Notice>}
        <label>
          Name
          <input name="name" autocomplete="username" required autofocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <button type="submit" class="primary" disabled={busy}>
          Log in
        </button>
      </form>
    </main>
  );
}

/** A page of this reader; any other address is not followed. */
function inside(next: string | null): string {
  if (next === null) return "/";
  const target = new URL(next, location.origin);
  return target.origin === location.origin && target.pathname !== "/login" ? target.pathname + target.search : "/";
}
