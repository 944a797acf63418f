/** What a thing proves with who it is. */
import {
  AttachThingPrincipalCommand,
  DescribeCertificateCommand,
  DetachThingPrincipalCommand,
  type CertificateDescription,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { each, useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { Token } from '../../parts/detail';
import { SameOnCommandLine, useNotices } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { None } from '../../parts/list-table';
import { Picker, SectionTable } from '../../parts/section';
import { When } from '../../parts/whole';
import { href } from '../../router';
import { CertificateStatus } from '../security/certificates';
import { listCertificates } from '../security/data';
import { certificateIdOf, principalsOf } from './data';

interface Row {
  arn: string;
  /** Of a certificate that the caller may look at. */
  certificate: CertificateDescription | undefined;
}

async function load(name: string): Promise<Row[]> {
  return each(await principalsOf(name), 4, async (arn) => {
    const certificateId = certificateIdOf(arn);
    const found = certificateId && (await clients().iot.send(new DescribeCertificateCommand({ certificateId })).catch(() => undefined));
    return { arn, certificate: found ? found.certificateDescription : undefined };
  });
}

/** A principal for people. */
function nameOf(arn: string): string {
  const id = certificateIdOf(arn);
  return id ? `${id.slice(0, 16)}…` : arn;
}

export function Certificates({ name }: { name: string }) {
  const { notice } = useNotices();
  const live = useLive(`principals of ${name}`, () => load(name));
  const all = useLive('certificates to attach', listCertificates, false);
  const [picked, setPicked] = useState('');
  const [leaving, setLeaving] = useState<string>();
  const act = useAct(live.refresh);
  const there = new Set(live.data?.map(({ arn }) => arn));
  const options = (all.data ?? [])
    .filter(({ certificateArn = '' }) => !there.has(certificateArn))
    .map(({ certificateArn = '', certificateId = '', creationDate }) => ({
      value: certificateArn,
      label: `${certificateId.slice(0, 16)}…`,
      description: moment(creationDate),
    }));
  const attach = (principal: string) =>
    void act(
      clients().iot.send(new AttachThingPrincipalCommand({ thingName: name, principal })),
      m.things.attachedNow(nameOf(principal)),
    );
  const command = picked
    ? aws('iot', 'attach-thing-principal', { 'thing-name': name, principal: picked })
    : aws('iot', 'list-thing-principals', { 'thing-name': name });
  return (
    <>
      <SectionTable<Row>
        title={m.things.certificates}
        actions={<Picker label={m.things.chooseCertificate} button={m.things.attach} options={options} pick={attach} chosen={setPicked} />}
        live={live}
        rows={live.data}
        trackBy="arn"
        none={<None title={m.things.noCertificates} text={m.things.noCertificatesText} />}
        footer={<SameOnCommandLine command={command} />}
        columns={[
          {
            id: 'name',
            header: m.things.principal,
            isRowHeader: true,
            cell: ({ arn }) => {
              const id = certificateIdOf(arn);
              return id ? <Link href={href(['certificates', id])}>{id}</Link> : <Token>{arn}</Token>;
            },
          },
          {
            id: 'status',
            header: m.certificates.status,
            minWidth: 130,
            cell: ({ certificate }) => (certificate ? <CertificateStatus status={certificate.status} /> : '–'),
          },
          { id: 'until', header: m.things.validUntil, cell: ({ certificate }) => <When at={certificate?.validity?.notAfter} /> },
          {
            id: 'actions',
            header: m.app.actions,
            cell: ({ arn }) => (
              <Button iconName="close" variant="icon" ariaLabel={m.things.detach(nameOf(arn))} onClick={() => setLeaving(arn)} />
            ),
          },
        ]}
      />
      {leaving && (
        <Confirm
          title={m.things.detachTitle(nameOf(leaving))}
          button={m.things.detachButton}
          command={aws('iot', 'detach-thing-principal', { 'thing-name': name, principal: leaving })}
          work={() => clients().iot.send(new DetachThingPrincipalCommand({ thingName: name, principal: leaving }))}
          done={() => {
            notice('success', m.things.detachedNow(nameOf(leaving)));
            setLeaving(undefined);
            live.refresh();
          }}
          dismiss={() => setLeaving(undefined)}
        >
          <Box variant="p">{m.things.detachText}</Box>
        </Confirm>
      )}
    </>
  );
}
