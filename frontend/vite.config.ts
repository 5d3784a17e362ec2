import { defineConfig } from "vite";

import { licences } from "./licences";

// The page is built into the Python package. Nothing is inlined (the content-security policy allows no inline script
// or style), and nothing points to another host.
export default defineConfig({
  // NiiVue can read Zarr, which no part of the reader is: 1.4 MB of its codecs stay out.
  resolve: {
    alias: [{ find: /^numcodecs\/(blosc|lz4|zstd)$/, replacement: "/src/no-codec.ts" }],
  },
  plugins: [licences()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../src/hilum/web/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2500, // NiiVue, loaded by the pages that show images
  },
  // `npm run dev` beside a running `hilum serve`
  server: { proxy: { "/api": "http://127.0.0.1:8470" } },
});
