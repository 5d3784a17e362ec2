// The scene of an image: opened on the stage when there is one, closed when the page is left.

import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { StudyImage } from "../types";
import { Scene, type Voxel } from "./scene";
import { sentence } from "../load";
import type { Range } from "./windows";

export interface SceneState {
  scene: Scene | null;
  trouble: string;
  /** The crosshair, and the image's value there */
  at: Voxel;
  value: number | null;
  window: Range;
  setWindow: (range: Range) => void;
}

export function useScene(stage: RefObject<HTMLElement>, image: StudyImage | null): SceneState {
  const [scene, setScene] = useState<Scene | null>(null);
  const [trouble, setTrouble] = useState("");
  const [spot, setSpot] = useState<{ at: Voxel; value: number | null }>({ at: [0, 0, 0], value: null });
  const [window, setRange] = useState<Range>({ low: 0, high: 1 });
  const url = image?.url;
  const kind = image?.kind;

  useEffect(() => {
    if (!stage.current || !url || !kind) return;
    const ending = new AbortController();
    let opened: Scene | null = null;
    const events = { moved: (at: Voxel, value: number) => setSpot({ at, value }), windowed: setRange };
    Scene.open(stage.current, kind, url, events, ending.signal).then(
      (made) => {
        opened = made;
        if (ending.signal.aborted) {
          made.close();
          return;
        }
        setRange(made.window);
        setSpot({ at: made.at(), value: null });
        setScene(made);
      },
      (error: unknown) => ending.signal.aborted || setTrouble(sentence(error)),
    );
    return () => {
      ending.abort();
      setScene(null);
      opened?.close();
    };
  }, [stage, url, kind]);

  const setWindow = (range: Range) => {
    if (!scene) return;
    scene.window = range;
    setRange(range);
  };
  return { scene, trouble, ...spot, window, setWindow };
}
