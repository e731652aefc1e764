// Types of module-graph.js, for the tests.

export interface ModuleGraph {
  readonly modules: readonly string[];
  readonly builtins: readonly string[];
}

export function moduleGraph(entry: string): ModuleGraph;
