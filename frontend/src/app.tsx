// The frame of every page: who is there, where to go, and the page that the address names.

import { Component, type ComponentChildren, type ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

import { me, SESSION_ENDED } from "./api";
import { sentence } from "./load";
import { Header } from "./parts/header";
import { Notice } from "./parts/notice";
import { followLinks, navigate, useAddress } from "./router";
import { SessionContext } from "./session";
import type { Me } from "./types";

interface PageProps {
  id: string;
  address: URL;
}

interface Route {
  path: RegExp;
  title: string;
  load: () => Promise<ComponentType<PageProps>>;
}

// Pages are loaded when they are gone to: the one with the viewer is large.
const ROUTES: Route[] = [
  { path: /^\/$/, title: "Worklist", load: async () => (await import("./pages/worklist")).WorklistPage },
  { path: /^\/studies\/([0-9a-f]{32})$/, title: "Study", load: async () => (await import("./pages/study")).StudyPage },
  { path: /^\/compare$/, title: "Compare", load: async () => (await import("./pages/compare")).ComparePage },
  { path: /^\/users$/, title: "Users", load: async () => (await import("./pages/users")).UsersPage },
  { path: /^\/audit$/, title: "Audit trail", load: async () => (await import("./pages/audit")).AuditPage },
];

export function App() {
  const address = useAddress();
  const [user, setUser] = useState<Me | null>(null);
  const [trouble, setTrouble] = useState("");

  const ask = () => {
    me().then(
      (known) => {
        setUser(known.name ? known : null);
        setTrouble("");
        if (!known.name) toLogin();
      },
      (error: unknown) => setTrouble(sentence(error)),
    );
  };
  useEffect(ask, []);
  useEffect(() => {
    const ended = () => {
      setUser(null);
      toLogin();
    };
    addEventListener(SESSION_ENDED, ended);
    return () => removeEventListener(SESSION_ENDED, ended);
  }, []);
  useEffect(() => {
    addEventListener("click", followLinks);
    return () => removeEventListener("click", followLinks);
  }, []);

  if (address.pathname === "/login") {
    return <Page key="/login" load={loadLogin} title="Log in" id="" address={address} onSession={ask} />;
  }
  if (trouble) {
    return (
      <main>
        <h1>Hilum</h1>
        <Notice kind="error">{trouble}</Notice>
      </main>
    );
  }
  if (!user) return null;
  const found = ROUTES.map((route) => ({ route, match: route.path.exec(address.pathname) })).find((one) => one.match);
  return (
    <SessionContext.Provider value={user}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header user={user} path={address.pathname} />
      {found?.match ? (
        <Page
          key={address.pathname}
          load={found.route.load}
          title={found.route.title}
          id={found.match[1] ?? ""}
          address={address}
        />
      ) : (
        <main id="main">
          <h1>No such page</h1>
          <p>
            Nothing is at <code>{address.pathname}</code>. Back to the <a href="/">worklist</a>.
          </p>
        </main>
      )}
    </SessionContext.Provider>
  );
}

/** To the login, and afterwards back to this page. */
function toLogin(): void {
  if (location.pathname === "/login") return;
  navigate(`/login?next=${encodeURIComponent(location.pathname + location.search)}`, true);
}

const loadLogin = async (): Promise<ComponentType<PageProps & { onSession?: () => void }>> =>
  (await import("./pages/login")).LoginPage;

interface LoadedProps extends PageProps {
  title: string;
  load: () => Promise<ComponentType<PageProps & { onSession?: () => void }>>;
  onSession?: () => void;
}

function Page({ load, title, ...props }: LoadedProps) {
  const [Shown, setShown] = useState<ComponentType<PageProps> | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    document.title = `${title} – Hilum`;
    twin(props.address);
    load().then(
      (page) => setShown(() => page),
      () => setTrouble("This part of the page could not be loaded. Load the page anew."),
    );
  }, [load, title, props.address]);
  useEffect(() => {
    if (Shown) arrive();
  }, [Shown]);
  if (trouble) return <Failed message={trouble} />;
  return Shown ? (
    <Guard>
      <Shown {...props} />
    </Guard>
  ) : null;
}

let arrivals = 0;

/** Keyboard and screen reader go on at the page that has come; the first one begins at its top. */
function arrive(): void {
  const main = document.querySelector("main");
  arrivals += 1;
  if (!main || arrivals === 1 || main.contains(document.activeElement)) return;
  main.tabIndex = -1;
  main.focus({ preventScroll: true });
}

/** Names the page's JSON twin: the same address under /api/v1. */
function twin(address: URL): void {
  let link = document.querySelector<HTMLLinkElement>("link[rel=alternate]");
  if (!link) {
    link = document.createElement("link");
    link.rel = "alternate";
    link.type = "application/json";
    document.head.append(link);
  }
  link.href = `/api/v1${address.pathname === "/" ? "/studies" : address.pathname}${address.search}`;
}

function Failed({ message }: { message: string }) {
  return (
    <main id="main">
      <h1>This page has failed</h1>
      <Notice kind="error">{message}</Notice>
    </main>
  );
}

/** A defect in one page leaves the rest of the reader usable, and is told. */
class Guard extends Component<{ children: ComponentChildren }, { message: string }> {
  override state = { message: "" };

  static override getDerivedStateFromError(error: unknown) {
    return { message: sentence(error) };
  }

  override render() {
    return this.state.message ? <Failed message={this.state.message} /> : this.props.children;
  }
}
