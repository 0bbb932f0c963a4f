/** The layers of the project. Each rule forbids imports between two of them. Type-only imports count, too. */

const PRODUCT = '^(app[.]ts|server[.]ts|commands|config|errors|models|native|plugins|routes|schemas|services)'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Imports point one way. A type that two modules share belongs below both.',
      severity: 'error',
      from: {},
      to: { circular: true }
    },
    {
      name: 'services-know-no-http-framework',
      comment: 'Services run without Fastify: plugins and routes connect them to requests.',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '(^|/)node_modules/(fastify|fastify-plugin|@fastify)(/|$)' }
    },
    {
      name: 'services-know-no-plugins-or-routes',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^(plugins|routes|app[.]ts|server[.]ts)' }
    },
    {
      name: 'plugins-know-no-routes',
      severity: 'error',
      from: { path: '^plugins/' },
      to: { path: '^(routes|app[.]ts|server[.]ts)' }
    },
    {
      name: 'schemas-are-below-services',
      comment: 'Schemas describe requests and answers for all layers, so they are below them.',
      severity: 'error',
      from: { path: '^schemas/' },
      to: { path: '^(services|plugins|routes|config|commands|app[.]ts|server[.]ts)' }
    },
    {
      name: 'errors-are-below-all',
      severity: 'error',
      from: { path: '^errors/' },
      to: { path: PRODUCT, pathNot: '^errors/' }
    },
    {
      name: 'config-is-below-services',
      severity: 'error',
      from: { path: '^config/' },
      to: { path: '^(services|plugins|routes|schemas|commands|app[.]ts|server[.]ts)' }
    },
    {
      name: 'parent-loads-no-model-code',
      comment: 'A crash in native code must not end the service: only the worker process and the commands load it.',
      severity: 'error',
      from: {
        path: '^(app[.]ts|server[.]ts|plugins|routes|schemas|config|errors|services)',
        pathNot: '^services/(engine/worker|models)/'
      },
      to: { path: '(^|/)node_modules/node-llama-cpp/|^native/', dependencyTypesNot: ['type-only'] }
    },
    {
      name: 'model-files-only-for-worker-and-commands',
      comment: 'services/models loads node-llama-cpp, so whoever imports it loads it too.',
      severity: 'error',
      from: {
        path: '^(app[.]ts|server[.]ts|plugins|routes|schemas|config|errors|services)',
        pathNot: '^services/(engine/worker|models)/'
      },
      to: { path: '^services/models/', dependencyTypesNot: ['type-only'] }
    },
    {
      name: 'worker-only-through-its-protocol',
      comment: 'The worker is a separate process. Other modules share only its message types.',
      severity: 'error',
      from: { path: PRODUCT, pathNot: '^services/engine/worker/' },
      to: { path: '^services/engine/worker/', pathNot: '^services/engine/worker/protocol[.]ts$' }
    },
    {
      name: 'web-knows-only-itself',
      comment: 'The page uses only the HTTP API, whose types are generated into web/src/api.',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^[a-z]', pathNot: '^(web|node_modules)/|^[a-z:_/]+$' }
    },
    {
      name: 'product-needs-no-tools',
      comment: 'The evaluation is the only tool in the product: `npm run eval`.',
      severity: 'error',
      from: { path: PRODUCT },
      to: { path: '^(tools|test|web)/', pathNot: '^tools/evaluation/' }
    },
    {
      name: 'evaluation-only-by-its-command',
      severity: 'error',
      from: { path: PRODUCT, pathNot: '^commands/' },
      to: { path: '^tools/' }
    },
    {
      name: 'tools-need-no-tests',
      severity: 'error',
      from: { path: '^tools/' },
      to: { path: '^test/' }
    },
    {
      name: 'no-unresolvable',
      comment: 'The programs of test/openapi import clients that their test generates. Vite resolves addresses (?url).',
      severity: 'error',
      from: { pathNot: '^test/openapi/programs/' },
      to: { couldNotResolve: true, pathNot: 'openapi[.]gen|[?]url$' }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|native/build|native/check/build|tools/bench/build)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types']
    }
  }
}
