import { defineConfig } from "vite";

// Fixed names, so that the service embeds them; it answers each with its own ETag.
export default defineConfig({
  build: {
    outDir: "../crates/lightgcn-serve/assets",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    target: "es2022",
    rollupOptions: {
      output: {
        entryFileNames: "page.js",
        chunkFileNames: "[name].js",
        assetFileNames: (asset) => (asset.names?.[0]?.endsWith(".css") ? "page.css" : "[name][extname]"),
      },
    },
  },
  // The page lies at `/`, its files under `/assets/`; relative, so that a host may mount it below a path.
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === "html" ? `assets/${file}` : { relative: true }),
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8090", "/health": "http://127.0.0.1:8090" } },
});
