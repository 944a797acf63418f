/** The document of a policy as it is written: what is wrong with it, and what saving it would change. */
import ExpandableSection from '@cloudscape-design/components/expandable-section';

import { isNamed, textOf } from '../api/errors';
import { m } from '../messages';
import { Diff } from './diff';
import { Said } from './feedback';
import { useStill } from './form';
import { notJson } from './json';
import { compare } from './lines';
import { TextOrFile } from './pem';

/** Whether the server says it of the document itself: of one for devices, or of one for users. */
export function isOfDocument(error: unknown): boolean {
  return isNamed(error, 'MalformedPolicyException') || isNamed(error, 'MalformedPolicyDocumentException');
}

interface Props {
  text: string;
  change: (text: string) => void;
  checked: boolean;
  /** What the server said of it. */
  error: unknown;
}

export function DocumentField({ text, change, checked, error }: Props) {
  const still = useStill(error, text);
  const wrong = checked ? notJson(text, m.policies.documentBad) : undefined;
  const refused = still !== undefined && <Said>{textOf(still)}</Said>;
  return <TextOrFile label={m.policies.document} rows={18} value={text} change={change} error={wrong ?? refused} />;
}

/** What saving would change. */
export function Changes({ before, after }: { before: string; after: string }) {
  const lines = compare(before, after);
  const count = (kind: string) => lines.filter((line) => line.kind === kind).length;
  return (
    <ExpandableSection headerText={m.policies.changes} headerDescription={m.policies.changesCount(count('added'), count('removed'))}>
      <Diff before={before} after={after} label={m.policies.changes} />
    </ExpandableSection>
  );
}
