/** A form in a dialog: checked, sent, and what went wrong with it. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useRef, useState, type ReactNode } from 'react';

import { textOf } from '../api/errors';
import { m } from '../messages';
import { Said, SameOnCommandLine, Trouble, useNotices } from './feedback';

export interface FormProps<T> {
  title: string;
  button: string;
  command: string;
  large?: boolean | undefined;
  /** Whether something in it is wrong, so that it is not sent. */
  bad: boolean;
  work: () => Promise<T>;
  /** It is done, with this answer. */
  done: (answer: T) => void;
  dismiss: () => void;
  /** Whether a field shows this error of the server, so that the dialog need not. */
  beside?: (error: unknown) => boolean;
  /** The fields; they say what is wrong once the reader wanted to send, and what the server said that is theirs to show. */
  children: (checked: boolean, error: unknown) => ReactNode;
}

export function FormDialog<T>({ title, button, command, large, bad, work, done, dismiss, beside, children }: FormProps<T>) {
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = () => {
    setChecked(true);
    if (bad) return;
    setBusy(true);
    setError(undefined);
    work().then(done, (failure: unknown) => {
      setError(failure);
      setBusy(false);
    });
  };
  const shown = error !== undefined && (beside?.(error) ?? false);
  return (
    <Modal
      visible
      size={large ? 'large' : 'medium'}
      onDismiss={dismiss}
      header={title}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={dismiss}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" loading={busy} onClick={submit}>
              {button}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && !shown && <Trouble error={error} />}
        <div className="fields">{children(checked, shown ? error : undefined)}</div>
        <SameOnCommandLine command={command} />
      </SpaceBetween>
    </Modal>
  );
}

/** The error, as long as the text is the one that it is about. */
export function useStill(error: unknown, text: string): unknown {
  const of = useRef({ error, text });
  if (of.current.error !== error) of.current = { error, text };
  return of.current.text === text ? error : undefined;
}

/** Does something at once, and says what came of it. */
export function useAct(then: () => void): (work: Promise<unknown>, text: string) => Promise<void> {
  const { notice } = useNotices();
  return (work, text) =>
    work.then(
      () => {
        notice('success', text);
        then();
      },
      (error: unknown) => notice('error', <Said>{textOf(error)}</Said>),
    );
}
