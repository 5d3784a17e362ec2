// Every library in the page comes with its licence: assets/licences.txt, shipped beside the scripts.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Plugin } from "vite";

const KEPT = "licences"; // texts of packages that do not bring theirs along

export function licences(): Plugin {
  return {
    name: "licences",
    generateBundle(_options, bundle) {
      const packages = new Map<string, string>();
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === "chunk" ? chunk.moduleIds : []) {
          const found = /^\0?(.*\/node_modules\/((?:@[^/]+\/)?[^/?]+))/.exec(id);
          if (found?.[1] && found[2]) packages.set(found[2], found[1]);
        }
      }
      const names = [...packages.keys()].sort();
      const source = names.map((name) => `${name}\n\n${textOf(name, packages.get(name) ?? "")}\n`).join("\n---\n\n");
      this.emitFile({ type: "asset", fileName: "assets/licences.txt", source });
    },
  };
}

function textOf(name: string, folder: string): string {
  const own = readdirSync(folder).find((file) => /^(licen[cs]e|copying)/i.test(file));
  const kept = join(KEPT, `${name.replace("/", "-")}.txt`);
  const path = own ? join(folder, own) : kept;
  if (!existsSync(path)) throw new Error(`${name} has no licence text: put it into frontend/${kept}`);
  return readFileSync(path, "utf8").trim();
}
