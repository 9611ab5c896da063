// The rules for the pages' modules and for these tests; tools.test.mjs runs them from the root of the
// repository.

import js from "@eslint/js";
import globals from "globals";

/** What a room may not import: the law of page/, which rooms.test.mjs checks over all paths. */
const LAW = { lib: ["booth", "fleet"], lang: ["lib", "booth", "fleet"], booth: ["fleet", "lang"], fleet: ["booth", "lang"] };

const law = Object.entries(LAW).map(([room, others]) => ({
  files: [`page/${room}/*.js`],
  rules: {
    "no-restricted-imports": ["error", {
      patterns: others.map((other) => ({ group: [`**/${other}/*`], message: `page/${room} imports nothing of page/${other}` })),
    }],
  },
}));

export default [
  { ignores: ["page/lib/vendor/**"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "eqeqeq": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", ignoreRestSiblings: true }],
      "no-undef": "error",
      "no-var": "error",
      "prefer-const": "error",
      "object-shorthand": "error",
      "no-implicit-coercion": "error",
      "no-duplicate-imports": "error",
      "no-useless-return": "error",
      "default-case-last": "error",
      "no-self-compare": "error",
      "no-throw-literal": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
    },
  },
  { files: ["page/**"], languageOptions: { globals: globals.browser } },
  // What runs in the page is written here, too.
  { files: ["tests/browser/**"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
  ...law,
];
