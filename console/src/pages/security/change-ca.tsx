/** The question before something is done to a CA. */
import Box from '@cloudscape-design/components/box';

import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { useNotices } from '../../parts/feedback';
import type { Change } from './ca-changes';

export function ChangeCaDialog({ change, done, dismiss }: { change: Change; done: () => void; dismiss: () => void }) {
  const { notice } = useNotices();
  return (
    <Confirm
      title={m.cas.confirm(change.action)}
      button={change.action}
      command={change.command}
      work={change.work}
      dismiss={dismiss}
      done={() => {
        notice('success', change.done);
        done();
      }}
    >
      <Box variant="p">{change.text}</Box>
    </Confirm>
  );
}
