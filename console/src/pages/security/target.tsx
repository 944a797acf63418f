/** What a policy is attached to. */
import Link from '@cloudscape-design/components/link';

import { Token } from '../../parts/detail';
import { href } from '../../router';

/** A certificate, which has a page, or a thing group, which has none. */
export function Target({ arn }: { arn: string }) {
  const id = arn.split(':cert/')[1];
  if (!id) return <Token>{arn}</Token>;
  return (
    <Link href={href(['certificates', id])}>
      <Token>{arn}</Token>
    </Link>
  );
}
