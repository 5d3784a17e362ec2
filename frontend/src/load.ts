// What a page shows comes from the server: loaded once, loaded again when asked, or looked at in turns.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { ApiError } from "./api";

export interface Loaded<T> {
  value: T | null;
  trouble: string;
  reload: () => void;
}

/** The sentence for the person who must act on it. */
export const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error));

/**
 * The answer of `ask`, asked again whenever `key` changes, on `reload`, and after `pause(answer)` milliseconds (0: not
 * again). A page in the background does not ask.
 */
export function useLoaded<T>(ask: () => Promise<T>, key: string, pause: (answer: T) => number = () => 0): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [trouble, setTrouble] = useState("");
  const [turn, setTurn] = useState(0);
  const calls = useRef({ ask, pause });
  calls.current = { ask, pause };

  useEffect(() => {
    let wanted = true;
    let timer = 0;
    const look = async () => {
      if (document.hidden) {
        timer = window.setTimeout(() => void look(), 1000);
        return;
      }
      let wait = 5000;
      try {
        const answer = await calls.current.ask();
        if (!wanted) return;
        setValue(answer);
        setTrouble("");
        wait = calls.current.pause(answer);
      } catch (error) {
        if (!wanted) return;
        setTrouble(sentence(error));
        if (error instanceof ApiError && error.status >= 400 && error.status < 500) wait = 0;
      }
      if (wait > 0) timer = window.setTimeout(() => void look(), wait);
    };
    void look();
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [key, turn]);

  const reload = useCallback(() => setTurn((before) => before + 1), []);
  return { value, trouble, reload };
}
