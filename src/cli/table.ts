// Text for people: columns aligned to the left, two spaces apart, and numbers in groups of digits.

/** Postconditions: one line per row, without spaces at its end. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) => formatRow(row, widths)).join('\n');
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd();
}

/** 1234567 as 1,234,567. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}
