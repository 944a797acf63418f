/** Deleting a provisioning template, and before it what names it. */
import { DeleteProvisioningTemplateCommand, UpdateCACertificateCommand } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Link from '@cloudscape-design/components/link';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { each, useLive } from '../../api/live';
import { m } from '../../messages';
import { ClearFirst } from '../../parts/clear-first';
import { Token } from '../../parts/detail';
import { Trouble, useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { href } from '../../router';
import { commandOf } from './ca-updates';
import { casNaming } from './template-data';

const REMOVE = { removeAutoRegistration: true };

export function DeleteTemplateDialog({ name, done, dismiss }: { name: string; done: () => void; dismiss: () => void }) {
  const { notice } = useNotices();
  const live = useLive(`cas of template ${name}`, () => casNaming(name), false);
  const [clear, setClear] = useState(false);
  const cas = live.data ?? [];
  const remove = aws('iot', 'delete-provisioning-template', { 'template-name': name });
  const work = async () => {
    const { iot } = clients();
    if (clear) await each(cas, 4, (certificateId) => iot.send(new UpdateCACertificateCommand({ certificateId, ...REMOVE })));
    await iot.send(new DeleteProvisioningTemplateCommand({ templateName: name }));
  };
  const named = cas.map((id) => ({
    key: id,
    shown: (
      <Link href={href(['onboarding', id])}>
        <Token>{id}</Token>
      </Link>
    ),
  }));
  return (
    <FormDialog
      title={m.templates.deleteTitle(name)}
      button={m.app.remove}
      command={[...(clear ? cas.map((id) => commandOf(id, REMOVE)) : []), remove].join('\n')}
      bad={cas.length > 0 && !clear}
      work={work}
      done={() => {
        notice('success', m.templates.deletedNow(name));
        done();
      }}
      dismiss={dismiss}
    >
      {(checked) => (
        <>
          <Box variant="p">{m.templates.deleteText}</Box>
          {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
          {live.loading && !live.data && <Spinner />}
          {cas.length > 0 && (
            <ClearFirst
              kept={[{ label: m.templates.cas, items: named }]}
              text={m.templates.clear}
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
