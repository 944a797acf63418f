/** The `aws` command that does the same as a form. */

export type Argument = string | number | boolean | undefined | object;

/** A word for a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w/:.,+=@%-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** `aws SERVICE OPERATION --name value …`; `true` is a flag, what is undefined or false is left out. */
export function aws(service: string, operation: string, args: Record<string, Argument> = {}): string {
  const words = Object.entries(args).flatMap(([name, value]) => {
    if (value === undefined || value === false || value === '') return [];
    if (value === true) return [`--${name}`];
    return [`--${name} ${quoted(typeof value === 'object' ? JSON.stringify(value) : String(value))}`];
  });
  return [`aws ${service} ${operation}`, ...words].join(' ');
}
