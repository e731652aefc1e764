/** What the payload has come to on an engine. */
export interface PayloadResult {
  readonly laws: {
    readonly passed: number;
    readonly failed: number;
    readonly failures: readonly string[];
  };
  readonly programs: readonly {
    readonly name: string;
    readonly digest: string;
    readonly seen: unknown;
  }[];
  readonly nsSection: number;
  readonly nsPlain: number;
  readonly ratio: number;
}

export interface Row {
  readonly engine: string;
  readonly version: string | null;
  readonly present: boolean;
  readonly laws: { readonly passed: number; readonly failed: number } | null;
  readonly hashesEqual: boolean | null;
  /** Of a turn of the section to one of plain Wasm. */
  readonly ratio: number | null;
  readonly seconds: number | null;
  /** A line for each law broken and each program that came out otherwise. */
  readonly complaints: readonly string[];
  /** Of an absent engine. */
  readonly how?: string;
}

export function absentRow(engine: string, how: string): Row;
export function failedRow(engine: string, version: string, error: Error): Row;
export function row(
  engine: string,
  version: string,
  seconds: number,
  result: PayloadResult,
  reference: PayloadResult,
): Row;
export function isGood(row: Row): boolean;
export function table(rows: readonly Row[]): string;
