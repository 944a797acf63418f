/** Filters that the server applies: typed, then sent, and kept in the URL. */
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useState, type FormEvent } from 'react';

import { m } from '../messages';

interface Props {
  fields: readonly { name: string; label: string; hint: string }[];
  /** One of several, in force at once. */
  choice?: { name: string; label: string; any: string; options: readonly { value: string; label: string }[] };
  /** In force at once. */
  flag?: { name: string; label: string };
  /** What is in force. */
  values: Record<string, string>;
  set: (values: Record<string, string | undefined>) => void;
}

export function Filters({ fields, choice, flag, values, set }: Props) {
  const [typed, setTyped] = useState(values);
  const inForce = JSON.stringify(values);
  useEffect(() => setTyped(JSON.parse(inForce) as Record<string, string>), [inForce]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    set(Object.fromEntries(fields.map(({ name }) => [name, typed[name]?.trim() || undefined])));
  };
  const some = Object.values(values).some(Boolean);
  const none = Object.fromEntries(Object.keys(values).map((name) => [name, undefined]));
  return (
    <form onSubmit={submit} role="search" aria-label={m.longTable.filters}>
      <div className="filters">
        {fields.map(({ name, label, hint }) => (
          <FormField key={name} label={label}>
            <Input
              value={typed[name] ?? ''}
              placeholder={hint}
              spellcheck={false}
              onChange={({ detail }) => setTyped({ ...typed, [name]: detail.value })}
            />
          </FormField>
        ))}
        {choice && (
          <FormField label={choice.label}>
            <Select
              selectedOption={[{ value: '', label: choice.any }, ...choice.options].find(({ value }) => value === values[choice.name]) ?? null}
              options={[{ value: '', label: choice.any }, ...choice.options]}
              onChange={({ detail }) => set({ [choice.name]: detail.selectedOption.value || undefined })}
            />
          </FormField>
        )}
        <SpaceBetween direction="horizontal" size="s" alignItems="center">
          <Button formAction="submit">{m.longTable.apply}</Button>
          <Button formAction="none" variant="link" disabled={!some} onClick={() => set(none)}>
            {m.longTable.clear}
          </Button>
        </SpaceBetween>
        {flag && (
          <Checkbox
            checked={values[flag.name] === 'true'}
            onChange={({ detail }) => set({ [flag.name]: detail.checked ? 'true' : undefined })}
          >
            {flag.label}
          </Checkbox>
        )}
      </div>
    </form>
  );
}
