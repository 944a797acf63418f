/** A question before something is done. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState, type ReactNode } from 'react';

import { m } from '../messages';
import { SameOnCommandLine, Trouble } from './feedback';

interface Props {
  title: string;
  button: string;
  command: string;
  work: () => Promise<unknown>;
  /** It is done. */
  done: () => void;
  dismiss: () => void;
  children: ReactNode;
}

export function Confirm({ title, button, command, work, done, dismiss, children }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const start = () => {
    setBusy(true);
    work().then(done, (failure: unknown) => {
      setError(failure);
      setBusy(false);
    });
  };
  return (
    <Modal
      visible
      onDismiss={dismiss}
      header={title}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={dismiss}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" loading={busy} onClick={start}>
              {button}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {error !== undefined && <Trouble error={error} />}
        {children}
        <SameOnCommandLine command={command} />
      </SpaceBetween>
    </Modal>
  );
}
