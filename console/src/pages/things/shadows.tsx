/** The shadows of a thing. */
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';

import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Document } from '../../parts/detail';
import { SameOnCommandLine, Trouble } from '../../parts/feedback';
import { None } from '../../parts/list-table';
import { shadowsOf } from './data';

export function Shadows({ name }: { name: string }) {
  const live = useLive(`shadows of ${name}`, () => shadowsOf(name));
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner />;
  if (live.data.length === 0) {
    return (
      <Container>
        <None title={m.things.noShadows} text={m.things.noShadowsText} />
      </Container>
    );
  }
  return (
    <SpaceBetween size="m">
      {live.data.map((shadow) => (
        <Container
          key={shadow.name}
          header={<Header variant="h3">{shadow.name || m.things.classic}</Header>}
          footer={
            <SameOnCommandLine
              command={`${aws('iot-data', 'get-thing-shadow', { 'thing-name': name, 'shadow-name': shadow.name || undefined })} /dev/stdout`}
            />
          }
        >
          <Document text={shadow.document} label={shadow.name || m.things.classic} />
        </Container>
      ))}
    </SpaceBetween>
  );
}
