import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Packs what a browser asks for, beside the files: the server sends them as they are. */
function packed(): Plugin {
  const packable = /\.(js|css|html|svg|json)$/;
  const pack = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) pack(path);
      else if (packable.test(entry.name)) {
        const bytes = readFileSync(path);
        if (bytes.length < 1024) continue;
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    }
  };
  return {
    name: 'adit-packed',
    apply: 'build',
    closeBundle() {
      pack(here('dist'));
      // The folder is in the repository, so that the server's build has one place to watch; its files are not.
      writeFileSync(here('dist/.gitignore'), '*\n!.gitignore\n');
    },
  };
}

/** Lets the browser fetch the pages' frame while the entry still looks which language the reader wants. */
function early(): Plugin {
  return {
    name: 'adit-early',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_, { bundle }) => {
        const chunks = Object.values(bundle ?? {}).flatMap((file) => (file.type === 'chunk' ? [file] : []));
        const start = chunks.find((chunk) => chunk.facadeModuleId === here('src/start.tsx'));
        if (!start) throw new Error('src/start.tsx has no chunk of its own');
        const files = [start.fileName, ...start.imports.filter((name) => !chunks.some((chunk) => chunk.isEntry && chunk.fileName === name))];
        return files.map((file) => ({ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: `/${file}` }, injectTo: 'head' }));
      },
    },
  };
}

/** Makes files of the fonts that a style sheet carries: a browser loads those it needs, and the page does not wait for them. */
function fonts(): Plugin {
  return {
    name: 'adit-fonts',
    apply: 'build',
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue;
        const swapped = String(file.source).replaceAll('@font-face{', '@font-face{font-display:swap;');
        file.source = swapped.replace(/url\("?data:font\/woff2;base64,([^)"]*)"?\)/g, (_, text: string) => {
          const source = Buffer.from(text, 'base64');
          const name = `font-${createHash('sha256').update(source).digest('hex').slice(0, 8)}.woff2`;
          this.emitFile({ type: 'asset', fileName: `assets/${name}`, source });
          return `url(${name})`;
        });
      }
    },
  };
}

/** Node's own modules, which dev-tunnels-ssh names in branches that no browser takes. */
const absent = ['crypto', 'net', 'fs', 'node-rsa', 'diffie-hellman'];

export default defineConfig({
  plugins: [react(), early(), fonts(), packed()],
  resolve: {
    alias: [
      { find: /^stream$/, replacement: 'stream-browserify' },
      // Of which bcrypt-pbkdf needs SHA-512 only.
      { find: /^tweetnacl$/, replacement: here('src/ssh/sha512.ts') },
      ...absent.map((name) => ({ find: new RegExp(`^${name}$`), replacement: here('src/ssh/absent.ts') })),
    ],
  },
  build: { target: 'es2022', sourcemap: false, chunkSizeWarningLimit: 1500, assetsInlineLimit: 0 },
  server: { proxy: { '/console': { target: 'https://localhost:8443', secure: false } } },
  test: { testTimeout: 60_000, include: ['test/**/*.test.ts'], environment: 'node', deps: { optimizer: { ssr: { enabled: true, include: ['bcrypt-pbkdf'] } } } },
});
