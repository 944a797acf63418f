/** The wizard that opens a tunnel. */
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tiles from '@cloudscape-design/components/tiles';
import Wizard from '@cloudscape-design/components/wizard';
import { useEffect, useState } from 'react';

import { m } from '../../messages';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { go, href, usePlace } from '../../router';
import { describeTunnel, openTunnel } from './data';
import { BLANK, commandOf, inputOf, like, problems, type Draft } from './draft';
import { DraftForm } from './form';

export default function CreateTunnel() {
  const { query } = usePlace();
  const thing = query.get('thing') ?? '';
  const [draft, setDraft] = useState<Draft>({ ...BLANK, thing });
  const [step, setStep] = useState(thing ? 1 : 0);
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const { notice } = useNotices();
  const original = query.get('like');
  useEffect(() => {
    if (!original) return;
    describeTunnel(original).then((tunnel) => {
      setDraft(like(tunnel));
      setStep(1);
    }, setError);
  }, [original]);

  const wrong = problems(draft);
  const move = (to: number) => {
    setChecked(to > 1);
    if (to > 1 && Object.keys(wrong).length > 0) setStep(1);
    else setStep(to);
  };
  const open = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const id = await openTunnel(inputOf(draft));
      notice('success', draft.thing.trim() ? `${m.create.created} ${m.create.destinationSent}` : m.create.created);
      go(href(['tunnels', id], { show: draft.quick ? 'terminal' : 'tokens' }));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };

  return (
    <Wizard
      activeStepIndex={step}
      onNavigate={({ detail }) => move(detail.requestedStepIndex)}
      onCancel={() => go('#/tunnels')}
      onSubmit={() => void open()}
      isLoadingNextStep={busy}
      i18nStrings={{ submitButton: m.create.review, submitButtonLoadingAnnouncement: m.create.working }}
      steps={[
        {
          title: m.create.method,
          content: (
            <Tiles
              ariaLabel={m.create.method}
              value={draft.quick ? 'quick' : 'manual'}
              onChange={({ detail }) => setDraft({ ...draft, quick: detail.value === 'quick' })}
              items={[
                { value: 'quick', label: m.create.quick, description: m.create.quickText },
                { value: 'manual', label: m.create.manual, description: m.create.manualText },
              ]}
            />
          ),
        },
        {
          title: m.create.details,
          content: (
            <SpaceBetween size="l">
              {error !== undefined && <Trouble error={error} />}
              <DraftForm draft={draft} change={setDraft} wrong={checked ? wrong : {}} />
            </SpaceBetween>
          ),
        },
        { title: m.create.review, content: <Review draft={draft} error={error} /> },
      ]}
    />
  );
}

function Review({ draft, error }: { draft: Draft; error: unknown }) {
  const services = draft.quick ? ['SSH'] : draft.services;
  const rows = [
    { label: m.create.setup, value: draft.quick ? m.create.quick : m.create.manual },
    { label: m.create.thing, value: draft.thing || m.create.noThing },
    { label: m.create.services, value: draft.thing ? services.join(', ') : '–' },
    { label: m.create.lifetime, value: m.tunnels.minutes(Number(draft.minutes)) },
    { label: m.create.about, value: draft.about || '–' },
    { label: m.create.tags, value: draft.tags.map((tag) => `${tag.key}=${tag.value}`).join(', ') || '–' },
  ];
  return (
    <SpaceBetween size="l">
      {error !== undefined && <Trouble error={error} />}
      <Container header={<Header variant="h2">{m.create.settings}</Header>} footer={<SameOnCommandLine command={commandOf(draft)} />}>
        <KeyValuePairs columns={2} items={rows.map(({ label, value }) => ({ label, value: <Box>{value}</Box> }))} />
      </Container>
    </SpaceBetween>
  );
}
