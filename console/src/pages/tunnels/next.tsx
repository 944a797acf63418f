/** The end of a tunnel in sight, and the next one before it comes. */
import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import LiveRegion from '@cloudscape-design/components/live-region';
import { useState } from 'react';

import { span } from '../../api/time';
import { m } from '../../messages';
import { FormDialog } from '../../parts/form';
import { go, href } from '../../router';
import { endOf, endsSoon, openTunnel, type Tunnel } from './data';
import { commandOf, inputOf, like, problems } from './draft';

interface Props {
  tunnel: Tunnel;
  now: number;
  /** The tunnel that follows, once it is open. */
  next: string | undefined;
  /** Asks for it. */
  ask: () => void;
  /** Whether somebody works in the terminal, and goes on there. */
  working: boolean;
}

/** Shown from some time before the end on; opening and changing over are two steps, so that work goes on in between. */
export function EndNotice({ tunnel, now, next, ask, working }: Props) {
  if (next) {
    const to = href(['tunnels', next], { show: working ? 'terminal' : 'tokens' });
    return (
      <Alert type="success" header={m.tunnels.nextOpen} action={<Button onClick={() => go(to)}>{m.tunnels.changeOver}</Button>}>
        {m.tunnels.nextOpenText}
      </Alert>
    );
  }
  if (!endsSoon(tunnel, now)) return null;
  const left = (endOf(tunnel) ?? now) - now;
  // By the minute, so that the text does not move under whoever reads it.
  const shown = left < 60_000 ? left : Math.ceil(left / 60_000) * 60_000;
  return (
    <Alert type="warning" header={m.tunnels.endsSoon(span(shown))} action={<Button onClick={ask}>{m.tunnels.openNext}</Button>}>
      <LiveRegion>{m.tunnels.endsSoonText}</LiveRegion>
    </Alert>
  );
}

interface DialogProps {
  tunnel: Tunnel;
  done: (id: string) => void;
  dismiss: () => void;
}

/** The same tunnel once more; all there is to choose is how long it lives. */
export function NextDialog({ tunnel, done, dismiss }: DialogProps) {
  const [draft, setDraft] = useState(() => like(tunnel));
  const wrong = problems(draft);
  return (
    <FormDialog
      title={m.tunnels.nextTitle}
      button={m.tunnels.openNext}
      command={commandOf(draft)}
      bad={Object.keys(wrong).length > 0}
      work={() => openTunnel(inputOf(draft))}
      done={done}
      dismiss={dismiss}
    >
      {(checked) => (
        <>
          <KeyValuePairs
            columns={3}
            items={[
              { label: m.create.thing, value: draft.thing || m.create.noThing },
              { label: m.create.services, value: draft.services.join(', ') || '–' },
              { label: m.create.about, value: draft.about || '–' },
            ]}
          />
          <FormField label={m.create.lifetime} description={m.create.lifetimeHint} errorText={checked ? wrong.minutes : undefined}>
            <Input
              value={draft.minutes}
              inputMode="numeric"
              autoFocus
              onChange={({ detail }) => setDraft({ ...draft, minutes: detail.value })}
            />
          </FormField>
        </>
      )}
    </FormDialog>
  );
}
