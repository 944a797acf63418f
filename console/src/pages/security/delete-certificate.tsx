/** Deleting a certificate, and before it what keeps it. */
import {
  DeleteCertificateCommand,
  DetachThingPrincipalCommand,
  UpdateCertificateCommand,
  type CertificateDescription,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { each, useLive } from '../../api/live';
import { m } from '../../messages';
import { ClearFirst } from '../../parts/clear-first';
import { Trouble, useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { attachedTo } from './data';

interface Props {
  certificate: CertificateDescription;
  done: () => void;
  dismiss: () => void;
}

export function DeleteCertificateDialog({ certificate, done, dismiss }: Props) {
  const { certificateId = '', certificateArn = '', status } = certificate;
  const { notice } = useNotices();
  const live = useLive(`what keeps ${certificateId}`, () => attachedTo(certificateArn), false);
  const [clear, setClear] = useState(false);
  const { things = [], policies = [] } = live.data ?? {};
  const active = status === 'ACTIVE';
  const kept = active || things.length > 0 || policies.length > 0;
  const which = { 'certificate-id': certificateId };
  const before = [
    ...(active ? [aws('iot', 'update-certificate', { ...which, 'new-status': 'INACTIVE' })] : []),
    ...things.map((name) => aws('iot', 'detach-thing-principal', { 'thing-name': name, principal: certificateArn })),
  ];
  const force = clear && policies.length > 0;
  const remove = aws('iot', 'delete-certificate', { ...which, 'force-delete': force });
  const work = async () => {
    const { iot } = clients();
    if (clear) {
      if (active) await iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }));
      await each(things, 4, (thingName) => iot.send(new DetachThingPrincipalCommand({ thingName, principal: certificateArn })));
    }
    await iot.send(new DeleteCertificateCommand({ certificateId, ...(force ? { forceDelete: true } : {}) }));
  };
  const named = (names: string[]) => names.map((name) => ({ key: name, shown: name }));
  return (
    <FormDialog
      title={m.certificates.deleteTitle}
      button={m.app.remove}
      command={(clear ? [...before, remove] : [remove]).join('\n')}
      bad={kept && !clear}
      work={work}
      done={() => {
        notice('success', m.certificates.deletedNow);
        done();
      }}
      dismiss={dismiss}
    >
      {(checked) => (
        <>
          <Box variant="p">{m.certificates.deleteText}</Box>
          {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
          {live.loading && !live.data && <Spinner />}
          {kept && (
            <ClearFirst
              kept={[
                { label: m.certificates.things, items: named(things) },
                { label: m.certificates.policies, items: named(policies) },
              ]}
              text={m.certificates.clear(active, things.length + policies.length)}
              clear={clear}
              change={setClear}
              checked={checked}
            />
          )}
        </>
      )}
    </FormDialog>
  );
}
