/** One provisioning template. */
import {
  DeleteProvisioningTemplateCommand,
  DescribeProvisioningTemplateCommand,
  UpdateProvisioningTemplateCommand,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { textOf } from '../../api/errors';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { go } from '../../router';
import { indented } from './data';

export default function TemplateDetail({ name }: { name: string }) {
  const { notice } = useNotices();
  const [deleting, setDeleting] = useState(false);
  const live = useLive(`template ${name}`, () =>
    clients().iot.send(new DescribeProvisioningTemplateCommand({ templateName: name })),
  );
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner size="large" />;
  const template = live.data;
  const toggle = () =>
    clients()
      .iot.send(new UpdateProvisioningTemplateCommand({ templateName: name, enabled: !template.enabled }))
      .then(
        () => {
          notice('success', m.templates.changed(name));
          live.refresh();
        },
        (error: unknown) => notice('error', textOf(error)),
      );
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => setDeleting(true)}>{m.app.remove}</Button>
              <Button onClick={() => void toggle()}>{template.enabled ? m.templates.disable : m.templates.enable}</Button>
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
        <Container
          header={<Header variant="h2">{m.templates.details}</Header>}
          footer={<SameOnCommandLine command={aws('iot', 'describe-provisioning-template', { 'template-name': name })} />}
        >
          <KeyValuePairs
            columns={3}
            minColumnWidth={180}
            items={[
              { label: m.templates.type, value: template.type ?? '–' },
              { label: m.templates.enabled, value: template.enabled ? m.templates.yes : m.templates.no },
              { label: m.templates.modified, value: moment(template.lastModifiedDate) },
              { label: m.templates.about, value: template.description || '–' },
              { label: m.templates.role, value: <span className="token">{template.provisioningRoleArn}</span> },
              {
                label: m.templates.hook,
                value: <span className="token">{template.preProvisioningHook?.targetArn ?? '–'}</span>,
              },
            ]}
          />
        </Container>
        <Container header={<Header variant="h2">{m.templates.body(String(template.defaultVersionId ?? ''))}</Header>}>
          <pre className="document" tabIndex={0} aria-label={m.templates.title}>
            {indented(template.templateBody)}
          </pre>
        </Container>
      </SpaceBetween>
      {deleting && (
        <Confirm
          title={m.templates.deleteTitle(name)}
          button={m.app.remove}
          command={aws('iot', 'delete-provisioning-template', { 'template-name': name })}
          work={() => clients().iot.send(new DeleteProvisioningTemplateCommand({ templateName: name }))}
          dismiss={() => setDeleting(false)}
          done={() => {
            notice('success', m.templates.deletedNow(name));
            go('#/templates');
          }}
        >
          <Box variant="p">{m.templates.deleteText}</Box>
        </Confirm>
      )}
    </ContentLayout>
  );
}
