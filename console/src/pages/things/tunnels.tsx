/** The tunnels to a thing. */
import Link from '@cloudscape-design/components/link';

import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { SameOnCommandLine } from '../../parts/feedback';
import { SectionTable } from '../../parts/section';
import { When } from '../../parts/whole';
import { href } from '../../router';
import { listTunnels, type TunnelSummary } from '../tunnels/data';
import { Status } from '../tunnels/parts';

export function Tunnels({ name }: { name: string }) {
  const live = useLive(`tunnels of ${name}`, () => listTunnels(name));
  return (
    <SectionTable<TunnelSummary>
      title={m.things.tunnels}
      live={live}
      rows={live.data}
      trackBy="tunnelId"
      none={m.things.noTunnels}
      footer={<SameOnCommandLine command={aws('iotsecuretunneling', 'list-tunnels', { 'thing-name': name })} />}
      columns={[
        {
          id: 'id',
          header: m.tunnels.id,
          isRowHeader: true,
          cell: (row) => <Link href={href(['tunnels', row.tunnelId ?? ''])}>{row.tunnelId}</Link>,
        },
        { id: 'status', header: m.tunnels.status, cell: (row) => <Status status={row.status} /> },
        { id: 'about', header: m.tunnels.about, cell: (row) => row.description || '–' },
        { id: 'created', header: m.tunnels.created, cell: (row) => <When at={row.createdAt} /> },
      ]}
    />
  );
}
