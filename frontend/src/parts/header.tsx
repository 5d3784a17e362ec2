import { useState } from "preact/hooks";

import { logout } from "../api";
import { nextTheme, setTheme, theme } from "../theme";
import type { Me } from "../types";

interface HeaderProps {
  user: Me;
  path: string;
}

export function Header({ user, path }: HeaderProps) {
  const [shown, setShown] = useState(theme());
  const links = [{ href: "/", name: "Worklist" }];
  if (user.role === "admin") {
    if (user.login_required) links.push({ href: "/users", name: "Users" });
    links.push({ href: "/audit", name: "Audit trail" });
  }
  const turn = () => {
    const next = nextTheme(shown);
    setTheme(next);
    setShown(next);
  };
  const leave = () => {
    void logout().finally(() => location.assign("/login"));
  };
  return (
    <header class="top">
      <a class="brand" href="/">
        Hilum
      </a>
      <nav aria-label="Pages">
        {links.map(({ href, name }) => (
          <a key={href} href={href} aria-current={path === href ? "page" : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <span class="grow">Research use. Not a medical device.</span>
      <button type="button" class="quiet" onClick={turn}>
        Colours: {shown}
      </button>
      <span>{user.name}</span>
      {user.login_required && (
        <button type="button" class="quiet" onClick={leave}>
          Log out
        </button>
      )}
    </header>
  );
}
