/** The fields of a tunnel. */
import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Autosuggest from '@cloudscape-design/components/autosuggest';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { ListThingsCommand } from '@aws-sdk/client-iot';

import { clients } from '../../api/clients';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import type { Draft, Problems } from './draft';

interface Props {
  draft: Draft;
  change: (draft: Draft) => void;
  wrong: Problems;
}

/** Things offered while a name is typed; any other name can be typed as well. */
const OFFERED = 250;

export function DraftForm({ draft, change, wrong }: Props) {
  const set = (part: Partial<Draft>) => change({ ...draft, ...part });
  const things = useLive(
    'things to reach',
    async () => (await clients().iot.send(new ListThingsCommand({ maxResults: OFFERED }))).things ?? [],
    false,
  );
  const label = (text: string, optional: boolean) => (optional ? <>{text} <i>– {m.app.optional}</i></> : text);
  return (
    <Container header={<Header variant="h2">{draft.quick ? m.create.quick : m.create.manual}</Header>}>
      <SpaceBetween size="l">
        <FormField label={label(m.create.thing, !draft.quick)} description={m.create.thingHint} errorText={wrong.thing}>
          <Autosuggest
            value={draft.thing}
            onChange={({ detail }) => set({ thing: detail.value })}
            options={(things.data ?? []).map((thing) => ({ value: thing.thingName ?? '' }))}
            enteredTextLabel={m.create.enteredText}
            empty={m.create.noThings}
            statusType={things.loading ? 'loading' : 'finished'}
            loadingText={m.app.loading}
            ariaRequired={draft.quick}
          />
        </FormField>
        {!draft.quick && draft.thing.trim() !== '' && (
          <FormField label={m.create.services} description={m.create.servicesHint} errorText={wrong.services} stretch>
            <AttributeEditor
              items={draft.services}
              addButtonText={m.create.addService}
              disableAddButton={draft.services.length >= 3}
              onAddButtonClick={() => set({ services: [...draft.services, ''] })}
              onRemoveButtonClick={({ detail }) =>
                set({ services: draft.services.filter((_, at) => at !== detail.itemIndex) })
              }
              removeButtonAriaLabel={(name) => m.create.removeService(name)}
              definition={[
                {
                  label: m.create.services,
                  control: (name, at) => (
                    <Input
                      value={name}
                      ariaLabel={m.create.service(at + 1)}
                      spellcheck={false}
                      onChange={({ detail }) =>
                        set({ services: draft.services.map((old, other) => (other === at ? detail.value : old)) })
                      }
                    />
                  ),
                },
              ]}
            />
          </FormField>
        )}
        <FormField label={label(m.create.about, true)} description={m.create.aboutHint}>
          <Input value={draft.about} onChange={({ detail }) => set({ about: detail.value.slice(0, 2048) })} />
        </FormField>
        <FormField label={m.create.lifetime} description={m.create.lifetimeHint} errorText={wrong.minutes}>
          <Input value={draft.minutes} inputMode="numeric" onChange={({ detail }) => set({ minutes: detail.value })} />
        </FormField>
        <FormField label={label(m.create.tags, true)} errorText={wrong.tags} stretch>
          <Tags tags={draft.tags} change={(tags) => set({ tags })} />
        </FormField>
      </SpaceBetween>
    </Container>
  );
}

/** AWS's own bound. */
const MOST_TAGS = 50;

function Tags({ tags, change }: { tags: Draft['tags']; change: (tags: Draft['tags']) => void }) {
  const edit = (at: number, part: Partial<Draft['tags'][number]>) =>
    change(tags.map((tag, other) => (other === at ? { ...tag, ...part } : tag)));
  return (
    <AttributeEditor
      items={tags}
      addButtonText={m.create.addTag}
      disableAddButton={tags.length >= MOST_TAGS}
      onAddButtonClick={() => change([...tags, { key: '', value: '' }])}
      onRemoveButtonClick={({ detail }) => change(tags.filter((_, at) => at !== detail.itemIndex))}
      removeButtonAriaLabel={(tag) => m.create.removeService(tag.key)}
      definition={[
        {
          label: m.create.tagKey,
          control: (tag, at) => (
            <Input value={tag.key} ariaLabel={m.create.tagKey} onChange={({ detail }) => edit(at, { key: detail.value })} />
          ),
        },
        {
          label: m.create.tagValue,
          control: (tag, at) => (
            <Input value={tag.value} ariaLabel={m.create.tagValue} onChange={({ detail }) => edit(at, { value: detail.value })} />
          ),
        },
      ]}
    />
  );
}
