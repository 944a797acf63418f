import Box from '@cloudscape-design/components/box';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';

import { m } from '../messages';

export default function NotFound() {
  return (
    <ContentLayout header={<Header variant="h1">{m.app.notFound}</Header>}>
      <Box variant="p">{m.app.notFoundText}</Box>
      <Link href="#/tunnels">{m.tunnels.title}</Link>
    </ContentLayout>
  );
}
