/** Creating a thing. */
import { CreateThingCommand } from '@aws-sdk/client-iot';
import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { m } from '../../messages';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';

interface Attribute {
  key: string;
  value: string;
}

/** AWS's own bound without a thing type. */
const MOST_ATTRIBUTES = 3;

export function CreateThingDialog({ done, dismiss }: { done: () => void; dismiss: () => void }) {
  const { notice } = useNotices();
  const [name, setName] = useState('');
  const [attributes, setAttributes] = useState<Attribute[]>([]);
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const bad = !/^[\w:-]{1,128}$/.test(name);
  const payload = Object.fromEntries(attributes.filter(({ key }) => key).map(({ key, value }) => [key, value]));
  const given = Object.keys(payload).length > 0 ? { attributes: payload } : undefined;
  const edit = (at: number, part: Partial<Attribute>) =>
    setAttributes(attributes.map((one, other) => (other === at ? { ...one, ...part } : one)));
  const create = () => {
    setChecked(true);
    if (bad) return;
    setBusy(true);
    clients()
      .iot.send(new CreateThingCommand({ thingName: name, ...(given ? { attributePayload: given } : {}) }))
      .then(
        () => {
          notice('success', m.things.createdNow(name));
          done();
        },
        (failure: unknown) => {
          setError(failure);
          setBusy(false);
        },
      );
  };
  return (
    <Modal
      visible
      onDismiss={dismiss}
      header={m.things.createTitle}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={dismiss}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" loading={busy} onClick={create}>
              {m.app.create}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Trouble error={error} />}
        <FormField label={m.things.name} description={m.things.nameHint} errorText={checked && bad ? m.things.nameBad : undefined}>
          <Input value={name} spellcheck={false} autoFocus onChange={({ detail }) => setName(detail.value)} />
        </FormField>
        <AttributeEditor
          items={attributes}
          addButtonText={m.things.addAttribute}
          disableAddButton={attributes.length >= MOST_ATTRIBUTES}
          onAddButtonClick={() => setAttributes([...attributes, { key: '', value: '' }])}
          onRemoveButtonClick={({ detail }) => setAttributes(attributes.filter((_, at) => at !== detail.itemIndex))}
          removeButtonAriaLabel={(one) => m.create.removeService(one.key)}
          definition={[
            {
              label: m.things.attributeKey,
              control: (one, at) => (
                <Input value={one.key} ariaLabel={m.things.attributeKey} onChange={({ detail }) => edit(at, { key: detail.value })} />
              ),
            },
            {
              label: m.things.attributeValue,
              control: (one, at) => (
                <Input
                  value={one.value}
                  ariaLabel={m.things.attributeValue}
                  onChange={({ detail }) => edit(at, { value: detail.value })}
                />
              ),
            },
          ]}
        />
        <SameOnCommandLine
          command={aws('iot', 'create-thing', { 'thing-name': name || 'NAME', 'attribute-payload': given })}
        />
      </SpaceBetween>
    </Modal>
  );
}
