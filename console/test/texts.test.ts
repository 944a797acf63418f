import { readdirSync, readFileSync } from 'node:fs';

import { Visitor, parseSync, type ESTree } from 'vite';
import { expect, test } from 'vitest';

/** What these attributes and members say is shown, or read to who cannot see. */
const SHOWN =
  /^(alt|aria-(label|description|roledescription|valuetext)|content|counter|description|empty|labelTag|message|text|title|\w*([hH]eader|[lL]abel|Text|[pP]laceholder))$/;
const LETTERS = /\p{L}{2,}/u;
/** Two words and a space between: prose, wherever it stands. */
const PROSE = /\p{Ll}{2,} \p{L}{2,}/u;

/** What is typed into a shell is the same in every language. */
const COMMAND = /^\s*(--|(aws|adit|curl|export|mosquitto_\w+|openssl|ssh|tail) )/;
/** Words of formats and protocols, not of a language. */
const FORMATS = [
  // The first line of the file with an access key, as AWS writes it.
  'User Name,Access key ID,Secret access key\r\n',
  // Before the name of an action.
  'iot:',
];

const isText = (text: string, pattern: RegExp) => pattern.test(text) && !COMMAND.test(text) && !FORMATS.some((format) => text.startsWith(format));

/** Texts of a file that are in no catalogue. */
function told(file: string, source = readFileSync(`src/${file}`, 'utf8')): string[] {
  const { program, errors } = parseSync(file, source);
  expect(errors).toEqual([]);
  const found: string[] = [];
  const at = (node: { start: number }, text: string) =>
    found.push(`${file}:${source.slice(0, node.start).split('\n').length} ${text.trim()}`);
  const literal = (node: ESTree.Node | null | undefined): string => {
    if (!node) return '';
    if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : '';
    if (node.type === 'TemplateLiteral') return node.quasis.map((part) => part.value.cooked ?? '').join(' ');
    if (node.type === 'JSXExpressionContainer') return literal(node.expression);
    return '';
  };
  const keys: [number, number][] = [];
  const isKey = (node: { start: number }) => keys.some(([start, end]) => node.start >= start && node.start < end);
  new Visitor({
    JSXText: (node) => void (isText(node.value, LETTERS) && at(node, node.value)),
    JSXAttribute: (node) => {
      const name = node.name.type === 'JSXIdentifier' ? node.name.name : '';
      if (name === 'className' && node.value) keys.push([node.value.start, node.value.end]);
      if (SHOWN.test(name) && isText(literal(node.value), LETTERS)) at(node, `${name}=${literal(node.value)}`);
    },
    Property: (node) => {
      const name = node.key.type === 'Identifier' ? node.key.name : literal(node.key);
      if (SHOWN.test(name) && isText(literal(node.value), LETTERS)) at(node, `${name}: ${literal(node.value)}`);
    },
    NewExpression: (node) => {
      // What only a mistake of the console raises, or becomes another text before it is shown.
      const [text] = node.arguments;
      if (node.callee.type === 'Identifier' && /^(Der)?Error$/.test(node.callee.name) && text) keys.push([text.start, text.end]);
    },
    CallExpression: (node) => {
      // The first argument names what is loaded.
      const [key] = node.arguments;
      if (node.callee.type === 'Identifier' && /^use(Live|More)$/.test(node.callee.name) && key) keys.push([key.start, key.end]);
    },
    Literal: (node) => void (!isKey(node) && isText(literal(node), PROSE) && at(node, literal(node))),
    TemplateLiteral: (node) => void (!isKey(node) && isText(literal(node), PROSE) && at(node, literal(node))),
  }).visit(program);
  return [...new Set(found)];
}

test('texts outside the catalogues are found, and what is no text is not', () => {
  const page = `
    export const Page = ({ at }: { at: number }) => (
      <Box variant="h1" aria-label={m.app.find} data-kind="none">
        Hello {at}
        <Input placeholder="Name" onChange={() => useLive(\`things of \${at}\`, load)} />
        <Table columns={[{ id: 'size', header: 'Size' }]} note={\`not there, \${at}\`} />
        <Command text="aws iot list-things" />
      </Box>
    );`;
  expect(told('page.tsx', page)).toEqual([
    'page.tsx:3 Hello',
    'page.tsx:5 placeholder=Name',
    'page.tsx:6 header: Size',
    'page.tsx:6 not there,',
  ]);
});

test('every text is in a catalogue', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name) && !name.startsWith('messages'));
  expect(files.length).toBeGreaterThan(50);
  expect(files.flatMap((file) => told(file))).toEqual([]);
});
