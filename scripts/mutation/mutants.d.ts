export interface Mutant {
  readonly operator: 'label' | 'swap' | 'load' | 'compare';
  readonly name: string;
  readonly line: number;
  readonly text: string;
  readonly excuse: string | undefined;
}

export function mutantsOf(text: string): Mutant[];
