import { defineConfig } from "vite";

// The page lies at `/`, its files under `/assets/`; all addresses are relative, so that a host may mount it below a
// path. Names in `/assets/` change with their content: the service lets browsers keep them.
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
