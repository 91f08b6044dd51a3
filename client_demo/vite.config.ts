import { defineConfig } from "vite";

const server = "http://127.0.0.1:8080"; // A running `dealcast serve`, for `npm run dev`.

export default defineConfig({
  build: {
    target: ["chrome123", "firefox121", "safari17.5"], // The first with light-dark().
    // A picture inlined as data: would slip past the pages' rule for pictures.
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { viewer: "index.html", host: "host.html", moderator: "moderator.html" },
    },
  },
  server: {
    proxy: {
      "/api": server,
      "/catalog": server,
      "/socket.io": { target: server, ws: true },
    },
  },
});
