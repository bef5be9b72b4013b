import { defineConfig } from "vite";

// The page is served at `/` and its files under `/assets/`. All addresses are relative, so that a program may mount it
// under a path. Names in `/assets/` contain a hash of their content, so browsers may cache them forever.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../crates/lightgcn-serve/assets",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    license: { fileName: "licences.md" },
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    target: "es2022",
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8090", "/health": "http://127.0.0.1:8090" } },
});
