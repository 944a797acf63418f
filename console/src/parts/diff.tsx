/** Two texts, and what differs between them. */
import { compare } from './lines';

const SIGNS = { same: ' ', removed: '-', added: '+' } as const;
const TAGS = { same: 'span', removed: 'del', added: 'ins' } as const;

export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  return (
    <pre className="document" tabIndex={0} aria-label={label}>
      {compare(before, after).map(({ kind, text }, at) => {
        const Tag = TAGS[kind];
        return <Tag key={at}>{`${SIGNS[kind]} ${text}\n`}</Tag>;
      })}
    </pre>
  );
}
