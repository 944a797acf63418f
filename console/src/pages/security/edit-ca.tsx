/** Changing what is registered of a CA. */
import { UpdateCACertificateCommand, type DescribeCACertificateResponse } from '@aws-sdk/client-iot';
import Checkbox from '@cloudscape-design/components/checkbox';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { m } from '../../messages';
import { useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { ChooseConfig, isComplete } from './ca-config';
import { commandOf, updates, wishOf } from './ca-updates';

interface Props {
  id: string;
  described: DescribeCACertificateResponse;
  done: () => void;
  dismiss: () => void;
}

export function EditCaDialog({ id, described, done, dismiss }: Props) {
  const { notice } = useNotices();
  // What the page learns meanwhile does not change what is being written.
  const [before] = useState(() => wishOf(described));
  const [wish, setWish] = useState(before);
  const calls = updates(before, wish);
  const work = async () => {
    for (const update of calls) await clients().iot.send(new UpdateCACertificateCommand({ certificateId: id, ...update }));
  };
  return (
    <FormDialog
      large
      title={m.ca.edit}
      button={m.template.save}
      command={calls.map((update) => commandOf(id, update)).join('\n') || m.ca.nothingChanged}
      bad={!isComplete(wish.config)}
      work={work}
      done={() => {
        notice('success', m.cas.updated);
        done();
      }}
      dismiss={dismiss}
    >
      {(checked) => (
        <>
          <Checkbox checked={wish.active} description={m.ca.activeText} onChange={({ detail }) => setWish({ ...wish, active: detail.checked })}>
            {m.ca.isActive}
          </Checkbox>
          <Checkbox checked={wish.auto} onChange={({ detail }) => setWish({ ...wish, auto: detail.checked })}>
            {m.ca.auto}
          </Checkbox>
          <ChooseConfig chosen={wish.config} change={(config) => setWish({ ...wish, config })} checked={checked} />
        </>
      )}
    </FormDialog>
  );
}
