// Who may use the reader (administrators only).

import { useState } from "preact/hooks";

import { addUser, changeUser, users } from "../api";
import { moment } from "../format";
import { sentence, useLoaded } from "../load";
import { Notice } from "../parts/notice";
import { useUser } from "../session";
import type { Role, User } from "../types";

export function UsersPage() {
  const { value, trouble, reload } = useLoaded(users, "");
  const [said, setSaid] = useState<{ kind: "info" | "error"; text: string } | null>(null);

  const act = (work: Promise<unknown>, done: string): Promise<boolean> =>
    work
      .then(
        () => {
          setSaid({ kind: "info", text: done });
          return true;
        },
        (error: unknown) => {
          setSaid({ kind: "error", text: sentence(error) });
          return false;
        },
      )
      .finally(reload);
  return (
    <main id="main">
      <h1>Users</h1>
      {trouble && <Notice kind="error">{trouble}</Notice>}
      {said && <Notice kind={said.kind}>{said.text}</Notice>}
      {value && (
        <div class="scroll">
          <table>
            <caption class="hidden">Users</caption>
            <thead>
              <tr>
                <th>Name</th>
                <th>Role</th>
                <th>Since</th>
                <th>State</th>
                <th>New password</th>
              </tr>
            </thead>
            <tbody>
              {value.map((user) => (
                <Row key={user.name} user={user} act={act} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <AddForm act={act} />
    </main>
  );
}

type Act = (work: Promise<unknown>, done: string) => Promise<boolean>;

function Row({ user, act }: { user: User; act: Act }) {
  const me = useUser();
  const [password, setPassword] = useState("");
  const own = me.name === user.name;
  const turn = () => act(changeUser(user.name, { disabled: !user.disabled }), `${user.name} was changed.`);
  const renew = () =>
    void act(changeUser(user.name, { password }), `${user.name} has a new password.`).then((ok) => {
      if (ok) setPassword("");
    });
  return (
    <tr>
      <td class="name">{user.name}</td>
      <td>
        <select
          aria-label={`Role of ${user.name}`}
          value={user.role}
          disabled={own}
          onChange={(event) =>
            void act(changeUser(user.name, { role: event.currentTarget.value as Role }), `${user.name} was changed.`)
          }
        >
          <option value="reader">Reader</option>
          <option value="admin">Administrator</option>
        </select>
      </td>
      <td class="muted date">{moment(user.created)}</td>
      <td>
        {user.disabled ? "Locked" : "Active"}{" "}
        {!own && (
          <button type="button" onClick={() => void turn()}>
            {user.disabled ? "Unlock" : "Lock"}
            <span class="hidden"> {user.name}</span>
          </button>
        )}
      </td>
      <td>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            renew();
          }}
        >
          <input
            type="password"
            autocomplete="new-password"
            required
            aria-label={`New password of ${user.name}`}
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
          <button type="submit">
            Set<span class="hidden"> the password of {user.name}</span>
          </button>
        </form>
      </td>
    </tr>
  );
}

function AddForm({ act }: { act: Act }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("reader");
  const add = () =>
    void act(addUser(name, password, role), `${name} may log in now.`).then((ok) => {
      if (!ok) return;
      setName("");
      setPassword("");
    });
  return (
    <section class="card add" aria-labelledby="add-user">
      <h2 id="add-user">Add a user</h2>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          add();
        }}
      >
        <label>
          Name
          <input required value={name} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label>
          Password
          <input
            required
            type="password"
            autocomplete="new-password"
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        <label>
          Role
          <select value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
            <option value="reader">Reader</option>
            <option value="admin">Administrator</option>
          </select>
        </label>
        <button type="submit" class="primary">
          Add
        </button>
      </form>
    </section>
  );
}
