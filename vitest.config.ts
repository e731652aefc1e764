import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // Every core: nothing here measures time.
    maxWorkers: '100%',
    // Compiling a guest takes seconds on a busy machine; no test waits for time to pass.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
