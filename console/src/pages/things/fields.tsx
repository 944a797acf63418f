/** The fields of a thing. */
import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Autosuggest from '@cloudscape-design/components/autosuggest';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';

import type { Live } from '../../api/live';
import { m } from '../../messages';
import { mostAttributes, type Attribute } from './draft';

interface NameProps {
  label: string;
  optional?: boolean;
  hint: string;
  value: string;
  change: (value: string) => void;
  error: string | undefined;
  /** The names there are. */
  names: Live<readonly string[]>;
}

/** One of the names there are, or a new one. */
export function NameField({ label, optional, hint, value, change, error, names }: NameProps) {
  return (
    <FormField
      label={
        optional ? (
          <>
            {label} <i>– {m.app.optional}</i>
          </>
        ) : (
          label
        )
      }
      description={hint}
      errorText={error}
    >
      <Autosuggest
        value={value}
        onChange={({ detail }) => change(detail.value)}
        options={(names.data ?? []).map((name) => ({ value: name }))}
        enteredTextLabel={m.things.newName}
        statusType={names.loading ? 'loading' : 'finished'}
        loadingText={m.app.loading}
        empty={m.things.noNames}
      />
    </FormField>
  );
}

interface AttributesProps {
  type: string;
  attributes: Attribute[];
  change: (attributes: Attribute[]) => void;
  error: string | undefined;
}

export function AttributesField({ type, attributes, change, error }: AttributesProps) {
  const edit = (at: number, part: Partial<Attribute>) =>
    change(attributes.map((one, other) => (other === at ? { ...one, ...part } : one)));
  const most = mostAttributes(type);
  return (
    <FormField label={m.things.attributes} description={m.things.attributesHint(most)} errorText={error} stretch>
      <AttributeEditor
        items={attributes}
        addButtonText={m.things.addAttribute}
        disableAddButton={attributes.length >= most}
        onAddButtonClick={() => change([...attributes, { key: '', value: '' }])}
        onRemoveButtonClick={({ detail }) => change(attributes.filter((_, at) => at !== detail.itemIndex))}
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
              <Input value={one.value} ariaLabel={m.things.attributeValue} onChange={({ detail }) => edit(at, { value: detail.value })} />
            ),
          },
        ]}
      />
    </FormField>
  );
}
