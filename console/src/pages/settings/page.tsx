/** What a client needs to know of this server, how the server does, and what it allows. */
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Tabs from '@cloudscape-design/components/tabs';

import { m } from '../../messages';
import { go } from '../../router';
import { Limits } from './limits';
import { Server } from './server';

const PLACES = { server: '#/settings', limits: '#/settings/limits' };

export type Tab = keyof typeof PLACES;

export default function Settings({ tab }: { tab: Tab }) {
  return (
    <ContentLayout header={<Header variant="h1">{m.settings.title}</Header>}>
      <Tabs
        activeTabId={tab}
        ariaLabel={m.settings.title}
        onChange={({ detail }) => detail.activeTabHref && go(detail.activeTabHref)}
        tabs={[
          { id: 'server', label: m.health.server, href: PLACES.server, content: <Server /> },
          { id: 'limits', label: m.limits.title, href: PLACES.limits, content: <Limits /> },
        ]}
      />
    </ContentLayout>
  );
}
