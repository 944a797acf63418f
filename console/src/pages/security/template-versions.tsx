/** A new version of a provisioning template. */
import { CreateProvisioningTemplateVersionCommand } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Checkbox from '@cloudscape-design/components/checkbox';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { m } from '../../messages';
import { useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { compact, isJson, notJson } from '../../parts/json';
import { TextOrFile } from '../../parts/pem';
import { DryRun } from './dry-run';

interface Props {
  name: string;
  body: string;
  done: (id: string) => void;
  dismiss: () => void;
}

export function NewVersionDialog({ name, body, done, dismiss }: Props) {
  const { notice } = useNotices();
  const [text, setText] = useState(body);
  const [isDefault, setDefault] = useState(true);
  const command = aws('iot', 'create-provisioning-template-version', {
    'template-name': name,
    'set-as-default': isDefault,
    'template-body': compact(text),
  });
  const work = async () => {
    const input = { templateName: name, templateBody: text, setAsDefault: isDefault };
    const { versionId = 0 } = await clients().iot.send(new CreateProvisioningTemplateVersionCommand(input));
    notice('success', m.template.madeVersion(String(versionId)));
    return String(versionId);
  };
  return (
    <FormDialog
      large
      title={m.template.newVersion}
      button={m.app.create}
      command={command}
      bad={!isJson(text)}
      dismiss={dismiss}
      work={work}
      done={done}
    >
      {(checked) => (
        <>
          <Box variant="p">{m.template.newVersionText}</Box>
          <TextOrFile
            label={m.ca.body}
            rows={16}
            value={text}
            change={setText}
            error={checked ? notJson(text, m.ca.bodyBad) : undefined}
          />
          <Checkbox checked={isDefault} onChange={({ detail }) => setDefault(detail.checked)}>
            {m.template.useAtOnce}
          </Checkbox>
          <ExpandableSection headerText={m.template.dryRun}>
            <DryRun name={name} body={text} embedded />
          </ExpandableSection>
        </>
      )}
    </FormDialog>
  );
}
