/** Creating a thing, and changing one. */
import type { DescribeThingCommandOutput } from '@aws-sdk/client-iot';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import { useState } from 'react';

import { useLive, type Live } from '../../api/live';
import { m } from '../../messages';
import { useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { listGroups, listTypes } from './data';
import { change, commandOf, creation, isName, joining, problems, run, type Draft, type Problems } from './draft';
import { AttributesField, NameField } from './fields';

interface Props {
  done: () => void;
  dismiss: () => void;
}

export function CreateThingDialog({ done, dismiss }: Props) {
  const { notice } = useNotices();
  const [draft, setDraft] = useState<Draft>({ name: '', type: '', attributes: [] });
  const [group, setGroup] = useState('');
  const types = useLive('thing types', listTypes, false);
  const groups = useLive('thing groups', listGroups, false);
  const set = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const wrong = problems(draft);
  const named = group.trim();
  const groupWrong = named && !isName(named) ? m.things.nameBad : undefined;
  const steps = [...creation(draft, types.data), ...(named ? joining(draft.name, named, groups.data) : [])];
  return (
    <FormDialog
      large
      title={m.things.createTitle}
      button={m.app.create}
      command={commandOf(steps)}
      bad={Object.keys(wrong).length > 0 || groupWrong !== undefined}
      work={() => run(steps)}
      done={() => {
        notice('success', m.things.createdNow(draft.name));
        done();
      }}
      dismiss={dismiss}
    >
      {(checked) => (
        <>
          <FormField label={m.things.name} description={m.things.nameHint} errorText={checked ? wrong.name : undefined}>
            <Input value={draft.name} spellcheck={false} autoFocus onChange={({ detail }) => set({ name: detail.value })} />
          </FormField>
          <NameField
            label={m.things.group}
            optional
            hint={m.things.groupHint}
            value={group}
            change={setGroup}
            error={checked ? groupWrong : undefined}
            names={groups}
          />
          <Kind draft={draft} set={set} wrong={checked ? wrong : {}} types={types} />
        </>
      )}
    </FormDialog>
  );
}

export function EditThingDialog({ thing, done, dismiss }: Props & { thing: DescribeThingCommandOutput }) {
  const { notice } = useNotices();
  // The thing as it was when this began: what somebody else changes meanwhile is not written over.
  const [before] = useState(thing);
  const [draft, setDraft] = useState<Draft>({
    name: before.thingName ?? '',
    type: before.thingTypeName ?? '',
    attributes: Object.entries(before.attributes ?? {}).map(([key, value]) => ({ key, value })),
  });
  const types = useLive('thing types', listTypes, false);
  const set = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const wrong = problems(draft);
  const steps = change({ type: before.thingTypeName ?? '', version: before.version ?? 1 }, draft, types.data);
  return (
    <FormDialog
      large
      title={m.things.editTitle(draft.name)}
      button={m.things.save}
      command={commandOf(steps)}
      bad={Object.keys(wrong).length > 0}
      work={() => run(steps)}
      done={() => {
        notice('success', m.things.changedNow(draft.name));
        done();
      }}
      dismiss={dismiss}
    >
      {(checked) => <Kind draft={draft} set={set} wrong={checked ? wrong : {}} types={types} />}
    </FormDialog>
  );
}

interface KindProps {
  draft: Draft;
  set: (part: Partial<Draft>) => void;
  wrong: Problems;
  types: Live<readonly string[]>;
}

/** The fields of what can be changed of a thing. */
function Kind({ draft, set, wrong, types }: KindProps) {
  return (
    <>
      <NameField
        label={m.things.type}
        optional
        hint={m.things.typeHint}
        value={draft.type}
        change={(type) => set({ type })}
        error={wrong.type}
        names={types}
      />
      <AttributesField
        type={draft.type}
        attributes={draft.attributes}
        change={(attributes) => set({ attributes })}
        error={wrong.attributes}
      />
    </>
  );
}
